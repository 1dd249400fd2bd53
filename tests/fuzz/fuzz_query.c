/* What a query is made of and what comes back: its text through recognition and template, data through unpacking and taking apart; the first byte chooses. */
#include "fuzz_job.h"

#define FORM                                                                                                                                                   \
	"language: en\noption.class: CSSZ_DZDPN\noption.etype: DZDPN20-V2\noption.fields: vs:symbol from:day to:day id:guid month:month year:year "            \
	"number:word\n"                                                                                                                                        \
	"option.one-of: id month\noption.range: from to\noption.template: <D><v>{vs}</v>[<i>{id}</i>][<m>{month}</m>{year}]<f "                                \
	"a=\"{from}\">{to}</f>{number}</D>\n"                                                                                                                  \
	"option.vs-path: /D/v\nquery: yes\nwhat: content\n"
#define DATA "form: F\nlanguage: cs\nn: 1\noption.item-id: Id\noption.items: List\n"

static void run(const char *kind, const char *parameters, const uint8_t *data, size_t size, size_t more_in, size_t out, const char *must)
{
	struct job job = { .kind = kind, .partner = "cssz", .parameters = span_of_string(parameters) };

	fuzz_in(&job, data, size);
	for (size_t i = 0; i < more_in; i++) {
		fuzz_in(&job, NULL, 0);
	}
	for (size_t i = 0; i < out; i++) {
		fuzz_out(&job);
	}
	fuzz_run(&job, must);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t choice = size == 0 ? 0 : data[0] % 3;

	data += size == 0 ? 0 : 1;
	size -= size == 0 ? 0 : 1;
	if (choice == 0) {
		run("check", FORM, data, size, 1, 1, "fit");
		run("compose", FORM, data, size, 1, 1, "same");
		run("recognise", "", data, size, 0, 0, "format");
	} else {
		run("open", choice == 1 ? DATA : "form: F\nlanguage: cs\n", data, size, 1, 2, "");
	}
	return 0;
}
