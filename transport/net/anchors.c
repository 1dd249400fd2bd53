#include "anchors.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "../../appliance/base/log.h"

static struct {
	const char *file;
	X509_STORE *store;
} loaded[PATHS_CA_FILES_MAX + 1];

static size_t count;

static void add(const char *name, const char *file, const char *directory)
{
	X509_STORE *store = file == NULL ? NULL : X509_STORE_new();

	/* The flags that libcurl gives the stores it makes: an anchor need not be self-signed. */
	if (store == NULL || X509_STORE_load_file(store, file) != 1 || (directory != NULL && X509_STORE_load_path(store, directory) != 1) ||
	    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) != 1) {
		log_warning("no trust anchors were loaded from %s", file == NULL ? "the system" : file);
		X509_STORE_free(store);
		return;
	}
	loaded[count].file = name;
	loaded[count++].store = store;
}

void anchors_load(const struct paths *paths)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

	for (size_t i = 0; i < paths->ca_file_count; i++) {
		add(paths->ca_files[i], paths->ca_files[i], NULL);
	}
	if (paths->system_anchors) {
		add("", curl->cainfo, curl->capath);
	}
}

struct x509_store_st *anchors_find(const char *ca_file)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(loaded[i].file, ca_file) == 0) {
			return loaded[i].store;
		}
	}
	return NULL;
}
