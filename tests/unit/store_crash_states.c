#include "store_crash_states.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FEW_UNITS 5 /* all 2^5 answers are tried */
#define DRAWN 6     /* answers drawn for a cut with more */
#define AUDIT_EVERY 40

uint64_t states_known(const struct trace *run, size_t cut)
{
	uint64_t known = 0;

	for (size_t i = 0; i < cut; i++) {
		known = run->events[i].head.kind == TRACE_MARK ? run->events[i].head.offset : known;
	}
	return known;
}

/* --- the list of states --- */

static uint64_t dice;

static unsigned roll(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice >> 33) % sides;
}

/* How many answers a cut with so many open questions gets. */
size_t states_answers(size_t units)
{
	return units <= FEW_UNITS ? (size_t)1 << units : 2 + 2 * units + DRAWN;
}

/* The n-th of them. The first is: nothing that was not synced is there; the last of the systematic ones: all is. */
void states_answer(size_t units, size_t n, size_t cut, bool there[DISK_UNITS_MAX])
{
	bool drawn = n >= 2 + 2 * units;

	dice = cut * 7919 + n;
	for (size_t u = 0; u < units; u++) {
		if (units <= FEW_UNITS) {
			there[u] = (n >> u & 1) != 0;
		} else if (drawn) {
			there[u] = roll(2) == 0;
		} else {
			there[u] = n == 1 || (n >= 2 && n % 2 == 0 ? (n - 2) / 2 == u : n >= 2 && (n - 2) / 2 != u);
		}
	}
}

/* --- one state --- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info, (void)type, (void)place;
	return remove(path);
}

void states_place(char ret[64])
{
	(void)snprintf(ret, 64, "%s/podatelna-crash-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(ret));
}

void states_place_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

bool states_is_audited(const struct states *run)
{
	return run->audited && run->tried_states % AUDIT_EVERY == 0;
}

bool states_try(struct states *run, size_t cut, const bool *there, char why[CHECK_WHY_SIZE])
{
	char path[64];
	struct check_state state = {
		.path = path, .tried = run->tried, .cut = cut, .known = states_known(run->trace, cut), .hashes = run->hashes, .data = run->data
	};
	bool good = false;

	states_place(path);
	disk_build(run->disk, there, path);
	good = run->check != NULL ? run->check(run, &state, why)
	                          : check_recovers(&state, why) && (!states_is_audited(run) || check_audit(AUDIT_PROGRAM, path, why));
	states_place_remove(path);
	run->tried_states++;
	return good;
}

void states_complain(const struct states *run, unsigned sector, size_t cut, size_t n, size_t units, const bool *there, const char *why)
{
	char line[400];

	print_error("sector %u, cut behind event %zu of %zu, state %zu: %s\n", sector, cut, run->trace->count, n, why);
	for (size_t u = 0; u < units; u++) {
		disk_describe(run->disk, u, line, sizeof line);
		print_error("  %s %s\n", there[u] ? "there" : "lost ", line);
	}
}

/* Every `stride`-th state of the list. False with words on the terminal, or silently, when one does not recover. */
bool states_try_all(struct states *run, unsigned sector, size_t without, size_t stride, bool silent)
{
	static bool there[DISK_UNITS_MAX];
	char why[CHECK_WHY_SIZE] = "";
	size_t at = stride / 2;

	for (size_t cut = run->first_cut; cut <= run->trace->count; cut++) {
		size_t units = disk_cut(run->disk, cut, sector, without), count = states_answers(units);

		for (; at < count; at += stride) {
			states_answer(units, at, cut, there);
			if (!states_try(run, cut, there, why)) {
				if (!silent) {
					states_complain(run, sector, cut, at, units, there, why);
				}
				return false;
			}
		}
		at -= count;
	}
	return true;
}

size_t states_count(struct states *run, unsigned sector, size_t without)
{
	size_t all = 0;

	for (size_t cut = run->first_cut; cut <= run->trace->count; cut++) {
		all += states_answers(disk_cut(run->disk, cut, sector, without));
	}
	return all;
}

/* How many states the whole test is to try. */
size_t states_wanted(void)
{
	const char *said = getenv("PODATELNA_STATES");
	size_t wanted = said == NULL ? 0 : (size_t)strtoul(said, NULL, 10);

	return wanted == 0 ? SHORT_STATES : wanted;
}

size_t states_stride(size_t all, size_t wanted)
{
	return all <= wanted ? 1 : all / wanted;
}
