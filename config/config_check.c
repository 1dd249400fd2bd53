#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "catalogue.h"
#include "config_schema.h"

/* The lines of the keys are gone by now: findings name section and key. */
#define COMPLAIN(report, config, ...) config_report_add(report, false, (config)->file, 0, __VA_ARGS__)

static void check_kind(const struct config *config, struct config_report *report, const char *what, const char *path, mode_t kind)
{
	struct stat status;

	if (path[0] == '\0') {
		return;
	}
	if (stat(path, &status) < 0) {
		COMPLAIN(report, config, _("%s: \"%s\" cannot be used: %s"), what, path, strerror(errno));
	} else if ((status.st_mode & S_IFMT) != kind) {
		COMPLAIN(report, config, kind == S_IFDIR ? _("%s: \"%s\" is not a folder") : _("%s: \"%s\" is not a file"), what, path);
	}
}

/* A folder that the box makes by itself when the one above is there. */
static void check_parent(const struct config *config, struct config_report *report, const char *what, const char *path)
{
	char parent[4096];
	char *slash = NULL;

	if (path[0] == '\0' || access(path, F_OK) == 0 || (size_t)snprintf(parent, sizeof parent, "%s", path) >= sizeof parent) {
		return;
	}
	slash = strrchr(parent, '/');
	if (slash != NULL && slash != parent) {
		*slash = '\0';
		check_kind(config, report, what, parent, S_IFDIR);
	}
}

static void check_secret(const struct config *config, struct config_report *report, const char *what, const char *name, const char *path)
{
	int r = path[0] == '/' ? config_secret_check(path) : 0;

	if (r == ERR_NOTFOUND) {
		/* The PIN may be put there later: the cases wait until then. */
		config_report_add(report, true, config->file, 0, _("%s \"%s\": \"%s\" does not exist"), what, name, path);
	} else if (r < 0) {
		COMPLAIN(report, config, _("%s \"%s\": \"%s\" must be a file of root that nobody else can read (mode 0600 or 0400)"), what, name, path);
	}
}

static void check_users(const struct config *config, struct config_report *report)
{
	const char *const names[] = { config->users.hub, config->users.store, config->users.token, config->users.partner, config->users.transport };

	if (geteuid() != 0) {
		config_report_add(report, true, config->file, 0,
		                  _("not started by root: all programs share one user, and the users in \"run_as\" are not used"));
		return;
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (getpwnam(names[i]) == NULL) {
			COMPLAIN(report, config, _("run_as: this machine has no user \"%s\""), names[i]);
		}
	}
}

static void check_groups(const struct config *config, struct config_report *report)
{
	const char *const names[] = { config->control_group, config->share.group };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i][0] != '\0' && getgrnam(names[i]) == NULL) {
			COMPLAIN(report, config, _("this machine has no group \"%s\""), names[i]);
		}
	}
}

static void check_places(const struct config *config, struct config_report *report)
{
	struct stat share, claim;

	check_kind(config, report, "share", config->share.path, S_IFDIR);
	check_parent(config, report, "claim_dir", config->share.claim_dir);
	check_parent(config, report, "data_dir", config->data_dir);
	check_parent(config, report, "mark_file", config->mark_file);
	check_kind(config, report, "led", config->led, S_IFDIR);
	check_parent(config, report, "metrics_file", config->metrics_file);
	check_kind(config, report, "notes_dir", config->notes_dir, S_IFDIR);
	check_parent(config, report, "archive_dir", config->archive_dir);
	if (stat(config->share.path, &share) == 0 && stat(config->share.claim_dir, &claim) == 0 && share.st_dev != claim.st_dev) {
		COMPLAIN(report, config, _("\"claim_dir\" must be on the same file system as the share"));
	}
}

static void check_keys(const struct config *config, struct config_report *report)
{
	for (size_t i = 0; i < config->token_count; i++) {
		check_kind(config, report, "module", config->tokens[i].module, S_IFREG);
		check_secret(config, report, "token", config->tokens[i].name, config->tokens[i].pin);
	}
	for (size_t i = 0; i < config->key_count; i++) {
		check_kind(config, report, "cert", config->keys[i].cert, S_IFREG);
	}
	for (size_t i = 0; i < config->tsa_count; i++) {
		check_secret(config, report, "tsa", config->tsas[i].name, config->tsas[i].password_file);
		check_kind(config, report, "ca_file", config->tsas[i].ca_file, S_IFREG);
		check_kind(config, report, "anchors", config->tsas[i].anchors, S_IFREG);
		if (config->tsas[i].anchors[0] == '\0') {
			COMPLAIN(report, config, _("tsa \"%s\": \"anchors\" must say whose time stamps count"), config->tsas[i].name);
		}
	}
}

static void check_network(const struct config *config, struct config_report *report)
{
	check_kind(config, report, "chain", config->signer_chain, S_IFREG);
	if (config->proxy.password_file[0] != '\0') {
		check_secret(config, report, "proxy", config->proxy.url, config->proxy.password_file);
	}
	if (config->mail.url[0] != '\0') {
		check_secret(config, report, "mail", config->mail.url, config->mail.password_file);
		check_kind(config, report, "ca_file", config->mail.ca_file, S_IFREG);
		check_parent(config, report, "state_dir", config->mail.state_dir);
	}
}

/* Can the partner be asked that for a range of days? max-days as the catalogue says it, unless the partner's options do. */
static bool query_is_known(const struct config *config, const struct config_query *query, const struct catalogue *catalogue, uint64_t *ret_most)
{
	const struct config_partner *partner = config_partner_find(config, query->partner);

	for (size_t i = 0; i < catalogue->form_count; i++) {
		const struct catalogue_form *form = &catalogue->forms[i];
		const char *most = partner == NULL ? NULL : config_option(&partner->options, "max-days");

		if (strcmp(form->partner, query->partner) != 0 || strcmp(form->format, "query") != 0 || strcmp(form->root, query->what) != 0) {
			continue;
		}
		most = most == NULL ? config_option(&form->options, "max-days") : most;
		if (most == NULL || !span_parse_u64(span_of_string(most), ret_most)) {
			*ret_most = UINT64_MAX;
		}
		return config_option(&form->options, "range") != NULL;
	}
	return false;
}

static void check_queries(const struct config *config, const struct catalogue *catalogue, struct config_report *report)
{
	for (size_t i = 0; i < config->query_count; i++) {
		const struct config_query *query = &config->queries[i];
		uint64_t most = UINT64_MAX;

		if (!query_is_known(config, query, catalogue, &most)) {
			COMPLAIN(report, config, _("query \"%s\": the catalogue has no query \"%s\" of that partner for a range of days"), query->name,
			         query->what);
		} else if (query->days > most) {
			COMPLAIN(report, config, _("query \"%s\": \"days\" is more than may be asked for at once (%llu)"), query->name,
			         (unsigned long long)most);
		}
	}
}

static void check_partners(const struct config *config, struct config_report *report)
{
	_cleanup_catalogue_ struct catalogue *catalogue = NULL;
	int r = catalogue_load(&config->catalogue_dirs, config->language, &catalogue, report);

	if (r == 0) {
		check_queries(config, catalogue, report);
	}
	for (size_t i = 0; i < config->partner_count; i++) {
		const struct config_partner *partner = &config->partners[i];
		const struct catalogue_partner *known = r < 0 ? NULL : catalogue_partner_find(catalogue, partner->name);

		check_kind(config, report, "ca_file", partner->ca_file, S_IFREG);
		check_kind(config, report, "anchors", partner->anchors, S_IFREG);
		check_kind(config, report, "encrypt_to", partner->encrypt_to, S_IFREG);
		if (r == 0 && known == NULL) {
			COMPLAIN(report, config, _("partner \"%s\": the catalogue does not know it"), partner->name);
		}
		if (known != NULL) {
			config_address_check(config, partner, known, report);
			config_road_check(config, partner, catalogue, known, report);
		}
		if (known != NULL && known->evidence == CATALOGUE_SIGNED && partner->anchors[0] == '\0' && partner->signer_sha256.count == 0 &&
		    partner->encrypt_to[0] == '\0') {
			COMPLAIN(report, config, _("partner \"%s\" signs its receipts: \"anchors\" or \"signer_sha256\" must say whose signature counts"),
			         partner->name);
		}
	}
}

int config_check(const struct config *config, struct config_report *report)
{
	size_t errors = report->errors;

	check_places(config, report);
	check_users(config, report);
	check_groups(config, report);
	check_keys(config, report);
	check_network(config, report);
	check_partners(config, report);
	return report->errors == errors ? 0 : ERR_FORMAT;
}
