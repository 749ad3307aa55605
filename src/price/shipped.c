#include "price/price_priv.h"

struct str price_shipped(void)
{
    return (struct str){(const char *)price_book_bytes, price_book_bytes_size};
}
