/* begin.h - a case that begins by a person at the command line or by the clock, not by a file in the inbox: its content comes as a descriptor. From the record `received`
 * on it is a case like all others. */
#ifndef HUB_BEGIN_H
#define HUB_BEGIN_H

#include "flow.h"

struct begin_wish {
	const char *kind;   /* filing, query, task: what a file of the inbox gets when it is recognised */
	const char *source; /* a word for the record: cli, timer */
	const char *by;     /* whose doing: "uid:1000", "box" */
	const char *folder; /* the partner that it is for, as a sub-folder of the inbox would say; "": by its form */
	const char *file;   /* a name that people know it by */
};

/* The case is durable (`number`), or it could not be begun (`err`, `why` in English): then nothing is left of it but a number that is not used. */
typedef void (*begin_done)(void *context, int err, const char *why, const char *number);

/* `fd` is borrowed: a sealed memory file. The wish is copied. `done` is called exactly once, perhaps from inside. */
void case_begin(struct hub *hub, int fd, const struct begin_wish *wish, begin_done done, void *context);

#endif
