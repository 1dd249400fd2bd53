#include "pulse.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "../base/text.h"
#include "parent.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t interval_ms(const struct pulse *pulse)
{
	uint64_t quarter = pulse->notify.watchdog_ms / 4;
	uint64_t usual = pulse->ready ? PULSE_MS : PULSE_START_MS;

	return quarter == 0 ? usual : least(usual, quarter);
}

static uint64_t answer_ms(const struct pulse *pulse)
{
	return pulse->notify.watchdog_ms == 0 ? PULSE_ANSWER_MS : pulse->notify.watchdog_ms / 4 + 1;
}

/* Tells systemd what is new. */
static void tell(struct pulse *pulse, const char *message)
{
	bool changed = strcmp(pulse->words, pulse->said) != 0;

	if (message[0] != '\0' || changed) {
		notify_send(&pulse->notify, message, changed ? pulse->words : "");
	}
	(void)snprintf(pulse->said, sizeof pulse->said, "%s", pulse->words);
}

static void finish_round(struct parent *parent)
{
	struct pulse *pulse = &parent->pulse;
	bool hub_runs = false;

	if (parent->stopping) {
		return;
	}
	for (size_t i = 0; i < parent->program_count; i++) {
		hub_runs = hub_runs || (parent->programs[i].role == WIRE_HUB && parent->programs[i].ready);
		if (parent->programs[i].asked) {
			return;
		}
	}
	if (!hub_runs && !pulse->failed) {
		(void)snprintf(pulse->words, sizeof pulse->words, "%s", pulse->ready ? _("a program of the box is being restarted") : _("the box is starting"));
	}
	if (!pulse->failed) {
		pulse->missing = false;
	}
	tell(pulse, !pulse->failed && pulse->notify.watchdog_ms > 0 ? "WATCHDOG=1" : "");
}

static void on_silence(struct program *program)
{
	struct pulse *pulse = &program->parent->pulse;

	pulse->failed = true;
	if (!pulse->missing) {
		pulse->missing = true;
		log_error("%s does not answer within %llu ms", wire_role_name(program->role), (unsigned long long)answer_ms(pulse));
	}
	(void)snprintf(pulse->words, sizeof pulse->words, _("a program of the box does not answer: %s"), wire_role_name(program->role));
}

static void on_answer(void *context, int err, struct wire_message *message)
{
	struct program *program = context;
	struct pulse *pulse = &program->parent->pulse;

	program->asked = false;
	if (err == ERR_DEADLINE) {
		on_silence(program);
	} else if (err == 0 && message->type == WIRE_PONG && program->role == WIRE_HUB && !pulse->failed) {
		(void)wire_string(message, WIRE_F_TEXT, pulse->words, sizeof pulse->words);
		if (!pulse->ready && wire_number(message, WIRE_F_CODE, 0) == 1) {
			pulse->ready = true;
			log_info("the box takes commands");
			tell(pulse, "READY=1");
		}
	}
	finish_round(program->parent);
}

static void ask(struct program *program)
{
	struct pulse *pulse = &program->parent->pulse;
	struct wire_message message;

	if (program->pid == 0) {
		return; /* it is being started again */
	}
	if (!program->ready) {
		/* One that hangs before it is ready cannot be asked. */
		if (clock_mono_ms() - program->started_ms > pulse->notify.watchdog_ms && pulse->notify.watchdog_ms != 0) {
			on_silence(program);
		}
		return;
	}
	wire_begin(&message, WIRE_PING, 0, CLOCK_NEVER_MS);
	program->asked = channel_request(program->channel, &message, answer_ms(pulse), on_answer, program, NULL) == 0;
}

static int rearm(struct parent *parent);

static void on_round(void *context, uint32_t events)
{
	struct parent *parent = context;
	bool open = false;

	(void)events;
	for (size_t i = 0; i < parent->program_count; i++) {
		open = open || parent->programs[i].asked;
	}
	if (!open && !parent->stopping) {
		parent->pulse.failed = false;
		for (size_t i = 0; i < parent->program_count; i++) {
			if (parent->programs[i].role == WIRE_HUB || parent->programs[i].role == WIRE_STORE) {
				ask(&parent->programs[i]);
			}
		}
		finish_round(parent);
	}
	if (!parent->stopping && rearm(parent) < 0) {
		log_error("no timer: systemd hears nothing more");
	}
}

static int rearm(struct parent *parent)
{
	return loop_timer(parent->loop, clock_deadline(interval_ms(&parent->pulse)), on_round, parent);
}

int pulse_begin(struct parent *parent)
{
	notify_open(&parent->pulse.notify);
	if (parent->pulse.notify.fd < 0) {
		return 0;
	}
	return rearm(parent) < 0 ? ERR_SYSTEM : 0;
}

void pulse_gone(struct program *program)
{
	program->asked = false;
}

void pulse_stop(struct parent *parent)
{
	notify_send(&parent->pulse.notify, "STOPPING=1", _("the box is stopping"));
}
