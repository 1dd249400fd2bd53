#include "crc32c.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL_REFLECTED UINT32_C(0x82f63b78)
#define SLICES 8

static uint32_t table[SLICES][256];

static void fill_table(void)
{
	static bool filled;

	if (filled) {
		return;
	}
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++) {
			value = (value & 1) != 0 ? value >> 1 ^ POLYNOMIAL_REFLECTED : value >> 1;
		}
		table[0][i] = value;
	}
	for (uint32_t i = 0; i < 256; i++) {
		for (int slice = 1; slice < SLICES; slice++) {
			table[slice][i] = table[slice - 1][i] >> 8 ^ table[0][table[slice - 1][i] & 0xff];
		}
	}
	filled = true;
}

/* Eight bytes a step ("slicing by 8"): the scan at start and the verifier run it over every record there is. */
uint32_t crc32c_by_tables(struct span bytes)
{
	uint32_t crc = ~UINT32_C(0);
	uint64_t eight = 0;
	uint8_t byte = 0;

	fill_table();
	while (span_read_u64(&bytes, &eight)) {
		uint32_t low = (uint32_t)eight ^ crc, high = (uint32_t)(eight >> 32);

		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][high & 0xff] ^
		      table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
	}
	while (span_read_u8(&bytes, &byte)) {
		crc = crc >> 8 ^ table[0][(crc ^ byte) & 0xff];
	}
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(struct span bytes)
{
	uint64_t crc = ~UINT32_C(0);
	size_t i = 0;

	for (; bytes.length - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t eight = 0;

		memcpy(&eight, bytes.data + i, sizeof eight);
		crc = _mm_crc32_u64(crc, eight);
	}
	for (; i < bytes.length; i++) {
		crc = _mm_crc32_u8((uint32_t)crc, bytes.data[i]);
	}
	return ~(uint32_t)crc;
}
#endif

uint32_t crc32c(struct span bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2")) {
		return by_instruction(bytes);
	}
#endif
	return crc32c_by_tables(bytes);
}
