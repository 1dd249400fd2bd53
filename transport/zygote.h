/* zygote.h - podatelna-partner's life: libraries loaded once, then one forked process per job (design 2).
 *
 * The zygote itself never touches input: it takes JOB_START, forks, and reaps. A job gets its descriptors and nothing else: its sandbox lets it open no file,
 * no socket, and start no process. It is killed at its deadline (parameter `deadline-ms`). SETUP carries no descriptors and needs no settings.
 * A job that could not be started gets its JOB_RESULT with the error from here; one that was killed just ends (the hub sees its socket close).
 */
#ifndef TRANSPORT_ZYGOTE_H
#define TRANSPORT_ZYGOTE_H

#include "base/partner.h"

#define ZYGOTE_JOBS_MAX 16
#define ZYGOTE_QUEUE_MAX 1024
#define ZYGOTE_DEADLINE_MS 60000
#define ZYGOTE_DEADLINE_MAX_MS 600000
#define ZYGOTE_JOB_MEMORY_BYTES (UINT64_C(512) << 20)
#define ZYGOTE_JOB_FILES_MAX 24

/* Descriptor 3 is the link to the parent. Returns the exit code of the process. */
int zygote_main(const struct job_kind *kinds);

#endif
