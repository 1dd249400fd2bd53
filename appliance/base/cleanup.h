/* cleanup.h - scope-bound cleanup, so that no function needs a ladder of gotos.
 *
 *   _cleanup_close_ int fd = -1;         closed at end of scope when >= 0
 *   _cleanup_free_ char *text = NULL;    freed at end of scope
 *   return take_fd(&fd);                 ownership leaves the scope
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
}

static inline void cleanup_free(void *pointer)
{
	void **place = pointer;

	free(*place);
	*place = NULL;
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file != NULL) {
		(void)fclose(*file);
		*file = NULL;
	}
}

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir != NULL) {
		(void)closedir(*dir);
		*dir = NULL;
	}
}

static inline int take_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

#endif
