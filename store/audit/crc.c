/* crc.c - CRC-32C: by the instruction of the processor where there is one, else by tables, eight bytes a step. */
#include <pthread.h>
#include <string.h>

#include "frame.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78U
#define STEP 8

static uint32_t tables[STEP][256];
static pthread_once_t filled = PTHREAD_ONCE_INIT;

static void fill(void)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t value = n;

		for (int bit = 0; bit < 8; bit++) {
			value = (value >> 1) ^ ((value & 1) != 0 ? POLYNOMIAL : 0);
		}
		tables[0][n] = value;
	}
	for (uint32_t n = 0; n < 256; n++) {
		for (size_t i = 1; i < STEP; i++) {
			tables[i][n] = (tables[i - 1][n] >> 8) ^ tables[0][tables[i - 1][n] & 0xff];
		}
	}
}

static uint32_t by_tables(struct bytes bytes)
{
	const uint8_t *at = bytes.data;
	size_t left = bytes.length;
	uint32_t value = 0xffffffffU;

	(void)pthread_once(&filled, fill);
	for (; left >= STEP; left -= STEP, at += STEP) {
		uint32_t low = value ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);

		value = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^ tables[4][low >> 24] ^ tables[3][at[4]] ^
		        tables[2][at[5]] ^ tables[1][at[6]] ^ tables[0][at[7]];
	}
	for (; left > 0; left--, at++) {
		value = (value >> 8) ^ tables[0][(value ^ *at) & 0xff];
	}
	return ~value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(struct bytes bytes)
{
	const uint8_t *at = bytes.data;
	size_t left = bytes.length;
	uint64_t value = 0xffffffffU;

	for (; left >= STEP; left -= STEP, at += STEP) {
		uint64_t word = 0;

		memcpy(&word, at, sizeof word);
		value = _mm_crc32_u64(value, word);
	}
	for (; left > 0; left--, at++) {
		value = _mm_crc32_u8((uint32_t)value, *at);
	}
	return ~(uint32_t)value;
}
#endif

uint32_t frame_crc(struct bytes bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2")) {
		return by_instruction(bytes);
	}
#endif
	return by_tables(bytes);
}
