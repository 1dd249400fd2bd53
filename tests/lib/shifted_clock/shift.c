/* shift.c - gives a program another time of day (LD_PRELOAD): SHIFT_CLOCK names a file that begins with the milliseconds to add, a native 64-bit integer. The file
 * is mapped before main, so that it counts in every sandbox and a change of it is a step of the clock under the running program. Monotonic clocks stay true.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_ms;

__attribute__((constructor)) static void map_shift(void)
{
	const char *path = getenv("SHIFT_CLOCK");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift_ms, PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0) {
		(void)close(fd);
	}
	shift_ms = map == MAP_FAILED ? NULL : map;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ret);

	if (result == 0 && shift_ms != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		int64_t ms = *shift_ms;

		ret->tv_sec += ms / 1000;
		ret->tv_nsec += ms % 1000 * 1000000;
		if (ret->tv_nsec >= 1000000000 || ret->tv_nsec < 0) {
			ret->tv_sec += ret->tv_nsec < 0 ? -1 : 1;
			ret->tv_nsec += ret->tv_nsec < 0 ? 1000000000 : -1000000000;
		}
	}
	return result;
}

time_t time(time_t *ret)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret != NULL) {
		*ret = now.tv_sec;
	}
	return now.tv_sec;
}

int gettimeofday(struct timeval *ret, void *zone)
{
	struct timespec now = { 0 };
	int result = clock_gettime(CLOCK_REALTIME, &now);

	(void)zone;
	ret->tv_sec = now.tv_sec;
	ret->tv_usec = now.tv_nsec / 1000;
	return result;
}
