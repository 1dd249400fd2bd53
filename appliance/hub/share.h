/* share.h - paths on the share: every one is opened beneath the share's root without following any link (openat2, design 3), every name is made safe first.
 *
 * The folders are made when they are missing. Directory descriptors are the caller's to close.
 */
#ifndef HUB_SHARE_H
#define HUB_SHARE_H

#include <sys/types.h>

#include "hub.h"

#define SHARE_NAME_MAX_BYTES 200 /* of one component, so that a number and a suffix still fit 255 */
#define SHARE_PATH_MAX_BYTES 1024

/* Opens the root once. 0 or ERR_SYSTEM. */
int share_open(struct hub *hub);
/* Notes which folders stand at the paths of the share and of the claims: landlock, the descriptors and inotify bind those. Before the sandbox. */
void share_bind(const struct hub *hub);
/* True when another folder stands at one of them now (mounted after the start, or another disk): only a new hub can use it. One that is gone has not moved. */
bool share_moved(const struct hub *hub);
/* A directory below the root, of one or more components, made where missing. The descriptor, or a negative error. */
int share_directory(struct hub *hub, const char *path);
/* The folder of a case in `Vyrizeno`, below the root: "Vyrizeno/2026-11/2026-000123 DPHDP3 name". `file`: its name as staff know it; NULL: that of the month. */
void share_result_path(const struct hub *hub, const struct hub_case *of, const char *file, char ret[SHARE_PATH_MAX_BYTES]);
/* An ordinary open beneath a directory, without links: the descriptor, or a negative error with errno. */
int share_open_beneath(int directory, const char *name, int flags, mode_t mode);

/* A file under construction: written under a hidden name, then synced and put in place under `name`, over an older one of that name. */
struct share_file {
	int directory; /* borrowed */
	int fd;
	char temporary[64];
};
int share_file_begin(int directory, struct share_file *ret);
/* Always ends the file; on failure nothing stands under the name. The name is durable after share_folder_sync: once for all files of a folder. */
int share_file_finish(struct share_file *file, const char *name);
int share_folder_sync(int directory);
void share_file_abandon(struct share_file *file);
int share_write_text(int directory, const char *name, const char *text);

/* A name for which nothing stands in the directory: "x.xml", "x (2).xml", ... `wanted` is escaped (ESCAPE_FILE) and cut to SHARE_NAME_MAX_BYTES. */
void share_free_name(int directory, struct span wanted, char *ret, size_t size);
/* Moves an entry whatever it is, under a free name. `ret_name` has NAME_MAX + 1 bytes. */
int share_move(int from, const char *name, int to, char *ret_name, size_t size);

#endif
