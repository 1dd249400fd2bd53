/* zygote_paths.h - the few files that a session may open: name service, the system's trust anchors, and those of SETUP lines ca-file.<n>.
 *
 * A landlock rule holds for the file that bore the name when the rule was made. A resolv.conf or an anchor file that was replaced since can be
 * read by no session any more: the zygote, while no session lives, then ends and is started anew with fresh rules. So it does when an anchor file was written
 * in place, since what sessions trust was read at the start (anchors.h).
 */
#ifndef NET_ZYGOTE_PATHS_H
#define NET_ZYGOTE_PATHS_H

#include <sys/stat.h>

#include "../../appliance/base/sandbox.h"
#include "../../appliance/base/span.h"
#include "request.h"

#define PATHS_CA_FILES_MAX 48 /* partners, time-stamp authorities, mail */
#define PATHS_MAX (24 + PATHS_CA_FILES_MAX)

struct paths {
	char ca_files[PATHS_CA_FILES_MAX][REQUEST_PATH_MAX_BYTES + 1];
	size_t ca_file_count;
	bool system_anchors; /* some partner has no ca-file of its own */
	struct sandbox_path list[PATHS_MAX];
	struct stat seen[PATHS_MAX]; /* zero: was not there */
	size_t count;
};

/* `settings` of SETUP. */
void paths_read(struct paths *paths, struct span settings);
/* The first that is no longer the file it was (or came, or went, or has other content); NULL when none. */
const char *paths_changed(const struct paths *paths);

#endif
