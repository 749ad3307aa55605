/* book: the price book the program comes with, read once a program and never refused memory. */
#ifndef SUPPORT_BOOK_H
#define SUPPORT_BOOK_H

#include "price/price.h"

const struct price_book *book_shipped(void);

#endif
