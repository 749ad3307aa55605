/* certificates: made for a test: an authority of its own and what it signs, as PEM files. */
#ifndef NET_CERTIFICATES_H
#define NET_CERTIFICATES_H

enum { CERTIFICATE_PATH_BYTES_MAX = 128 };

struct certificates {
    char folder[64];
    char authority[CERTIFICATE_PATH_BYTES_MAX]; /* its certificate */
    char good[CERTIFICATE_PATH_BYTES_MAX];      /* for localhost and 127.0.0.1 */
    char other[CERTIFICATE_PATH_BYTES_MAX];     /* for other.example */
    char expired[CERTIFICATE_PATH_BYTES_MAX];   /* for localhost, yesterday */
    char own[CERTIFICATE_PATH_BYTES_MAX];       /* for localhost, signed by itself */
    char key[CERTIFICATE_PATH_BYTES_MAX];       /* of all of them */
};

void certificates_make(struct certificates *out);
void certificates_remove(struct certificates *certificates);

#endif
