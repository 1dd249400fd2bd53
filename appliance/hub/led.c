#include "led.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "attention.h"

enum led_signal led_signal(const struct hub *hub)
{
	bool broken = strcmp(hub->store_state, "damaged") == 0 || strcmp(hub->store_state, "fault") == 0 || strcmp(hub->store_state, "read-only") == 0;

	if (broken || hub->clock_bad || hub->rolled_back) {
		return LED_FAST;
	}
	if (!hub_is_working(hub)) {
		return LED_OFF;
	}
	return attention_any(hub) ? LED_SLOW : LED_STEADY;
}

static void write_value(const char *folder, const char *file, const char *value)
{
	char path[4096];
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof path, "%s/%s", folder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fd_write_all(fd, value, strlen(value)) != 0) {
		log_debug("the LED does not take %s", file);
	}
}

void led_update(struct hub *hub)
{
	static int shown = -1;
	enum led_signal signal = led_signal(hub);
	const char *folder = hub->config->led;

	if (folder[0] == '\0' || (int)signal == shown) {
		return;
	}
	shown = (int)signal;
	/* The kernel's LED class: `timer` blinks by delay_on and delay_off; `none` leaves it to `brightness`. */
	write_value(folder, "trigger", signal == LED_SLOW || signal == LED_FAST ? "timer" : "none");
	if (signal == LED_SLOW || signal == LED_FAST) {
		write_value(folder, "delay_on", signal == LED_FAST ? "100" : "1000");
		write_value(folder, "delay_off", signal == LED_FAST ? "100" : "1000");
	} else {
		write_value(folder, "brightness", signal == LED_STEADY ? "255" : "0");
	}
}
