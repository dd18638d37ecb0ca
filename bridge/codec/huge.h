/* bridge/codec/huge.h - huge pages for what is long. */
#ifndef ORO_CODEC_HUGE_H
#define ORO_CODEC_HUGE_H

#include <stddef.h>

/* Asks for huge pages under n bytes from malloc that are about to be written. Nothing is done for fewer than 32 MiB: those may
 * be a part of malloc's heap. */
void oro_huge_advise(void *p, size_t n);

#endif
