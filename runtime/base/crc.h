/* runtime/base/crc.h - CRC-32C (Castagnoli), which guards each group commit in the log. */
#ifndef ORO_BASE_CRC_H
#define ORO_BASE_CRC_H

#include "runtime/base/bytes.h"

/* crc: 0, or the result for the bytes before these. Any thread. */
uint32_t crc32c(uint32_t crc, struct oro_bytes b);
/* The same without the machine's help (tests). */
uint32_t crc32c_by_tables(uint32_t crc, struct oro_bytes b);

#endif
