/* setup.h - the SETUP message of a program under construction: its settings and the descriptors that root opened for it. */
#ifndef PARENT_SETUP_H
#define PARENT_SETUP_H

#include "../../config/config.h"
#include "../base/lines.h"
#include "../wire/wire.h"

struct setup {
	struct lines lines;
	int fds[WIRE_FDS_MAX]; /* owned until the message is sent */
	size_t fd_count;
};

/* Opens a file as root for a program that may not. Its number among the descriptors, or a negative error that was logged. */
int setup_add_file(struct setup *setup, const char *path);
/* Sets `group`.`n`.`name`, or `group`.`n` where the name is "". */
void setup_set_numbered(struct lines *lines, const char *group, size_t n, const char *name, const char *value);

/* What a token program is told of its module, without PIN and keys. */
void setup_module(const struct config_token *token, struct lines *lines);

/* setup_network.c: the settings of podatelna-transport. 0 or a negative error. */
int setup_transport(const struct config *config, struct setup *setup);

#endif
