/* podatelna-transport: carries bytes to partners and back; understands nothing of them (design 2). Started by podatelnad only. */
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../appliance/base/log.h"
#include "rehearse.h"
#include "zygote.h"

/* Sessions are forks: what is loaded here costs them nothing, and the filter need not let them load it. */
static bool load_libraries(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && rehearse_handshake();
}

int main(void)
{
	struct child *child = child_open("podatelna-transport", WIRE_TRANSPORT);

	/* Proxies, key logs, host aliases: libcurl, OpenSSL and the resolver ask the environment, and it is not to have a say. */
	if (clearenv() != 0 || !load_libraries()) {
		log_error("libcurl or OpenSSL could not be initialised");
		return 1;
	}
	/* Without the libraries' exit handlers: they would want what the sandbox took away. */
	_exit(zygote_run(child));
}
