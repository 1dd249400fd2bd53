#include <string.h>

#include "epo.h"

#define DEPTH_FORM 2
#define DEPTH_SENTENCE 3

/* A short run of digits, or nothing. */
static void take_digits(const struct xml_element *element, const char *name, size_t least, size_t most, char *ret)
{
	struct span value;

	if (!xml_attribute_find(element, name, &value) || value.length < least || value.length > most) {
		return;
	}
	for (size_t i = 0; i < value.length; i++) {
		if (value.data[i] < '0' || value.data[i] > '9') {
			return;
		}
	}
	memcpy(ret, value.data, value.length);
	ret[value.length] = '\0';
}

void epo_recognise_element(struct form_facts *facts, const struct xml_element *element)
{
	struct span value;

	if (element->depth == DEPTH_FORM && xml_attribute_find(element, "verzePis", &value)) {
		job_copy_value(value, facts->version, sizeof facts->version);
	}
	if (element->depth == DEPTH_SENTENCE && span_equals_string(element->name, "VetaD")) {
		take_digits(element, "rok", 4, 4, facts->year);
		take_digits(element, "mesic", 1, 2, facts->month);
		take_digits(element, "ctvrt", 1, 1, facts->quarter);
	}
}
