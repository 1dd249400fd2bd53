#include "place.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "err.h"

/* Relative places are made by CMake from the folders of the installation: PLACE_HELPERS from sbin, PLACE_DAEMON from bin, PLACE_SHARE from both. */
static const char *const program_folders[] = { ".", PLACE_HELPERS, PLACE_DAEMON };
static const char *const share_folders[] = { "../share", PLACE_SHARE, "/usr/share" };

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

/* The folder of the running program, without a final slash. */
static int own_folder(char ret[PLACE_MAX_BYTES])
{
	ssize_t length = readlink("/proc/self/exe", ret, PLACE_MAX_BYTES - 1);
	char *slash = NULL;

	if (length <= 0) {
		return ERR_NOTFOUND;
	}
	ret[length] = '\0';
	slash = strrchr(ret, '/');
	if (slash == NULL) {
		return ERR_NOTFOUND;
	}
	*slash = '\0';
	return 0;
}

static int find(const char *const *folders, size_t count, const char *name, int mode, char ret[PLACE_MAX_BYTES])
{
	char own[PLACE_MAX_BYTES];
	int err = own_folder(own);

	for (size_t i = 0; err == 0 && i < count; i++) {
		bool absolute = folders[i][0] == '/', beside = strcmp(folders[i], ".") == 0;
		int length = snprintf(ret, PLACE_MAX_BYTES, "%s%s%s/%s", absolute ? "" : own, absolute || beside ? "" : "/", beside ? "" : folders[i], name);

		if (length < 0 || length >= PLACE_MAX_BYTES) {
			return ERR_LIMIT;
		}
		if (access(ret, mode) == 0) {
			return 0;
		}
	}
	return ERR_NOTFOUND;
}

int place_program(const char *name, char ret[PLACE_MAX_BYTES])
{
	return find(program_folders, COUNT_OF(program_folders), name, X_OK, ret);
}

int place_share(const char *name, char ret[PLACE_MAX_BYTES])
{
	return find(share_folders, COUNT_OF(share_folders), name, R_OK, ret);
}
