#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../appliance/base/err.h"
#include "config.h"

int config_secret_check(const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0) {
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : errno == EACCES ? ERR_DENIED : ERR_SYSTEM;
	}
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		return ERR_DENIED;
	}
	return status.st_uid == 0 || status.st_uid == geteuid() ? 0 : ERR_DENIED;
}
