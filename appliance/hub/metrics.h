/* metrics.h - figures for a monitoring system: a textfile of node_exporter (Prometheus exposition format, text 0.0.4), written by the hub. No port is opened.
 *
 * Counters and latencies are a replay of the journal, as cases are: they never fall, whatever was restarted. No personal data: labels are names of the
 * configuration and ids of states. Without `metrics_file` nothing is kept and nothing written.
 */
#ifndef HUB_METRICS_H
#define HUB_METRICS_H

#include "hub.h"

struct metrics;

/* Opens the folder of the file, before the sandbox. NULL when there is no metrics_file, or its folder cannot be opened (logged). */
struct metrics *metrics_new(const struct config *config);
/* The folder, for the sandbox; NULL: none. Borrowed. */
const char *metrics_folder(const struct metrics *metrics);
/* One record, after its case took it; `of` NULL: a record of the box. */
void metrics_record(struct hub *hub, const struct record *record, struct hub_case *of);
/* Writes the file when its time has come. */
void metrics_update(struct hub *hub);

#endif
