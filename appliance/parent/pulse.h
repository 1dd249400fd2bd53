/* pulse.h - is the box alive? The parent asks hub and store again and again, and tells systemd what it hears: READY=1 once the hub takes commands, STATUS= in
 * words, WATCHDOG=1 only after a round in which both answered in time. A program that hangs therefore ends in a restart of the whole box by systemd; one that
 * died is the parent's to start again, and no reason to be silent.
 *
 * Nothing is asked when nobody listens (notify.h).
 */
#ifndef APPLIANCE_PULSE_H
#define APPLIANCE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "notify.h"

#define PULSE_MS 2000         /* between rounds; a quarter of the watchdog's interval when that is less */
#define PULSE_START_MS 100    /* the same until the box is ready */
#define PULSE_ANSWER_MS 15000 /* how long an answer may take; a quarter of the watchdog's interval when there is one */

struct parent;
struct program;

struct pulse {
	struct notify notify;
	uint64_t started_ms;
	bool ready;   /* READY=1 was sent */
	bool failed;  /* somebody did not answer in this round */
	bool missing; /* that was said already */
	char words[NOTIFY_TEXT_MAX_BYTES / 2], said[NOTIFY_TEXT_MAX_BYTES / 2];
};

/* Reads the environment, which the programs started after it do not see then, and begins. 0, or a negative error: no timer. */
int pulse_begin(struct parent *parent);
/* A program ended: no answer of it will come. */
void pulse_gone(struct program *program);
/* The box stops. */
void pulse_stop(struct parent *parent);

#endif
