/* clean.h - what is freed or closed when a function is left, by attribute. */
#ifndef STORE_AUDIT_CLEAN_H
#define STORE_AUDIT_CLEAN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The pointer that was allocated; NULL is fine. */
static inline void audit_clean_free(void *place)
{
	free(*(void **)place);
}

/* A descriptor; below 0 nothing is closed. */
static inline void audit_clean_fd(const int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
}

/* A directory stream; NULL is fine. */
static inline void audit_clean_dir(DIR **dir)
{
	if (*dir != NULL) {
		(void)closedir(*dir);
	}
}

/* A file that is only read, or whose errors were looked at before; NULL is fine. */
static inline void audit_clean_file(FILE **file)
{
	if (*file != NULL) {
		(void)fclose(*file);
	}
}

#define AUDIT_CLEAN_FREE __attribute__((cleanup(audit_clean_free)))
#define AUDIT_CLEAN_FD __attribute__((cleanup(audit_clean_fd)))
#define AUDIT_CLEAN_DIR __attribute__((cleanup(audit_clean_dir)))
#define AUDIT_CLEAN_FILE __attribute__((cleanup(audit_clean_file)))

#endif
