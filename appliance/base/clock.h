/* clock.h - deadlines on the monotonic clock, and calendar time.
 *
 * A deadline is an absolute number of milliseconds of CLOCK_MONOTONIC, so it means the same in every process of one machine.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

#define CLOCK_UTC_SIZE 25 /* "2026-11-21T18:39:00.123Z" and a zero byte */
#define CLOCK_NEVER_MS UINT64_MAX

uint64_t clock_mono_ms(void);
/* now + `ms`, saturating. */
uint64_t clock_deadline(uint64_t ms);
bool clock_expired(uint64_t deadline_ms);
/* For poll(2): milliseconds left, 0 when expired, -1 for CLOCK_NEVER_MS, at most INT_MAX. */
int clock_left(uint64_t deadline_ms);

/* Milliseconds since 1970 UTC. */
int64_t clock_utc_ms(void);
void clock_format_utc(int64_t utc_ms, char ret[CLOCK_UTC_SIZE]);
/* Exactly the form that clock_format_utc writes. */
bool clock_parse_utc(struct span text, int64_t *ret_utc_ms);

/* Czech calendar (Europe/Prague by its present rule: CET, summer time from the last Sunday of March to that of October, 01:00 UTC),
 * without the time-zone database, which the processes in a sandbox cannot read. */
struct clock_date {
	int year, month, day, hour, minute, second;
};
void clock_czech_date(int64_t utc_ms, struct clock_date *ret);
/* The moment of a Czech date and time (the earlier one of an hour that comes twice). False when there is none. */
bool clock_from_czech(const struct clock_date *date, int64_t *ret_utc_ms);

#endif
