/* parent_restore.c - a backup put back, for the command line: makes the data directory where it is missing, gives up root as for the store of the box, and becomes it
 * (store/restore.h). The backup stands on descriptor 3, opened by the person who asks. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/place.h"
#include "../base/text.h"
#include "parent.h"

#define BACKUP_FD 3

int parent_restore(const struct config *config)
{
	const struct program program = { .role = WIRE_STORE, .user = config->users.store };
	char path[PLACE_MAX_BYTES];

	if (fcntl(BACKUP_FD, F_GETFD) < 0) {
		(void)fprintf(stderr, "%s", _("podatelnad: backups are put back by: podatelna restore FILE\n"));
		return 2;
	}
	if (place_program("podatelna-store", path) != 0) {
		(void)fprintf(stderr, "%s", _("podatelnad: podatelna-store cannot be started: the installation is not complete\n"));
		return 1;
	}
	if (parent_prepare_data(config) != 0) {
		(void)fprintf(stderr, _("podatelnad: the data directory %s cannot be made; only root can\n"), config->data_dir);
		return 1;
	}
	(void)fcntl(BACKUP_FD, F_SETFD, 0);
	(void)close_range(BACKUP_FD + 1, ~0U, 0);
	(void)umask(0027);
	parent_set_limits(&program);
	parent_drop_rights(&program);
	(void)execl(path, "podatelna-store", "--restore", config->data_dir, (char *)NULL);
	return 1;
}
