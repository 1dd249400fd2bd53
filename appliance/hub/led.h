/* led.h - one LED for the operator, a pure function of what the box knows (README, "LED"). */
#ifndef HUB_LED_H
#define HUB_LED_H

#include "hub.h"

enum led_signal {
	LED_OFF,    /* the box does not work yet */
	LED_STEADY, /* works */
	LED_SLOW,   /* works, and waits for a person: a PIN, an approval, an uncertain case */
	LED_FAST,   /* does not work: damage, roll-back, clock */
};

enum led_signal led_signal(const struct hub *hub);
/* Writes to the LED's sysfs folder (`led` in the configuration) when the signal changed. Without a LED it does nothing. */
void led_update(struct hub *hub);

#endif
