#include "config_schema.h"

/* clang-format off */
#define MINUTE_MS UINT64_C(60000)
#define DAY_MS UINT64_C(86400000)
#define MIB UINT64_C(1048576)
#define AT(type, member) offsetof(struct type, member)
#define COUNT_OF(table) (sizeof (table) / sizeof (table)[0])

static const struct schema_field file_fields[] = {
	{ "language",       SCHEMA_LETTERS,   false, AT(config, language),       "cs", "cs|en", 0, 0 },
	{ "box_letter",     SCHEMA_LETTERS,   false, AT(config, box_letter),     "", "A-Z", 0, 0 },
	{ "data_dir",       SCHEMA_PATH,      false, AT(config, data_dir),       "/var/lib/podatelna", NULL, 0, 0 },
	{ "mark_file",      SCHEMA_PATH,      false, AT(config, mark_file),      "/var/lib/podatelna-mark/mark", NULL, 0, 0 },
	{ "run_dir",        SCHEMA_PATH,      false, AT(config, run_dir),        "/run/podatelna", NULL, 0, 0 },
	{ "control_socket", SCHEMA_PATH,      false, AT(config, control_socket), "/run/podatelna/control", NULL, 0, 0 },
	{ "control_group",  SCHEMA_LOGIN,     false, AT(config, control_group),  "", NULL, 0, 0 },
	{ "catalogue_dir",  SCHEMA_PATH,      true,  AT(config, catalogue_dirs), "", NULL, 0, 0 },
	{ "archive_dir",    SCHEMA_PATH,      false, AT(config, archive_dir),    "", NULL, 0, 0 },
	{ "disk_warn",      SCHEMA_COUNT,     false, AT(config, disk_warn),      "90", NULL, 50, 100 },
	{ "disk_urgent",    SCHEMA_COUNT,     false, AT(config, disk_urgent),    "95", NULL, 50, 100 },
	{ "led",            SCHEMA_PATH,      false, AT(config, led),            "", NULL, 0, 0 },
	{ "metrics_file",   SCHEMA_PATH,      false, AT(config, metrics_file),   "", NULL, 0, 0 },
	{ "metrics_every",  SCHEMA_DURATION,  false, AT(config, metrics_every_ms), "30 s", NULL, 1000, DAY_MS },
	{ "log_level",      SCHEMA_WORD_TEXT, false, AT(config, log_level),      "info", "error|warning|info|debug", 0, 0 },
};

static const struct schema_field users_fields[] = {
	{ "hub",       SCHEMA_LOGIN, false, AT(config, users.hub),       "podatelna-hub", NULL, 0, 0 },
	{ "store",     SCHEMA_LOGIN, false, AT(config, users.store),     "podatelna-store", NULL, 0, 0 },
	{ "token",     SCHEMA_LOGIN, false, AT(config, users.token),     "podatelna-token", NULL, 0, 0 },
	{ "partner",   SCHEMA_LOGIN, false, AT(config, users.partner),   "podatelna-partner", NULL, 0, 0 },
	{ "transport", SCHEMA_LOGIN, false, AT(config, users.transport), "podatelna-transport", NULL, 0, 0 },
};

static const struct schema_field share_fields[] = {
	{ "path",             SCHEMA_PATH,     false, AT(config_share, path),             NULL, NULL, 0, 0 },
	{ "claim_dir",        SCHEMA_PATH,     false, AT(config_share, claim_dir),        "", NULL, 0, 0 },
	{ "group",            SCHEMA_LOGIN,    false, AT(config_share, group),            "", NULL, 0, 0 },
	{ "scan_interval",    SCHEMA_DURATION, false, AT(config_share, scan_interval_ms), "60 s", NULL, 100, DAY_MS },
	{ "quiet",            SCHEMA_DURATION, false, AT(config_share, quiet_ms),         "2 s", NULL, 0, 60 * MINUTE_MS },
	{ "no_end_after",     SCHEMA_DURATION, false, AT(config_share, no_end_after_ms),  "10 min", NULL, 1000, 7 * DAY_MS },
	{ "archive_inbox",    SCHEMA_BOOL,     false, AT(config_share, archive_inbox),    "true", NULL, 0, 0 },
	{ "receipt_on_share", SCHEMA_WORD,     false, AT(config_share, receipt_on_share), "full", "full|no-password|none", 0, 0 },
	{ "overview_content", SCHEMA_WORD,     false, AT(config_share, overview_content), "numbers", "full|numbers|none", 0, 0 },
	{ "overview_heartbeat", SCHEMA_DURATION, false, AT(config_share, overview_heartbeat_ms), "10 min", NULL, 1000, DAY_MS },
	{ "max_file",         SCHEMA_SIZE,     false, AT(config_share, max_file_bytes),   "10 MiB", NULL, 1024, 1024 * MIB },
	{ "min_free",         SCHEMA_SIZE,     false, AT(config_share, min_free_bytes),   "256 MiB", NULL, 0, 0 },
	{ "inbox",            SCHEMA_FILENAME, false, AT(config_share, inbox),            "Podat", NULL, 0, 0 },
	{ "approval",         SCHEMA_FILENAME, false, AT(config_share, approval),         "KeSchvaleni", NULL, 0, 0 },
	{ "done",             SCHEMA_FILENAME, false, AT(config_share, done),             "Vyrizeno", NULL, 0, 0 },
	{ "unknown",          SCHEMA_FILENAME, false, AT(config_share, unknown),          "Nezname", NULL, 0, 0 },
	{ "errors",           SCHEMA_FILENAME, false, AT(config_share, errors),           "Chyby", NULL, 0, 0 },
	{ "incoming",         SCHEMA_FILENAME, false, AT(config_share, incoming),         "Dosle", NULL, 0, 0 },
	{ "overview",         SCHEMA_FILENAME, false, AT(config_share, overview),         "Prehled.html", NULL, 0, 0 },
};

static const struct schema_field proxy_fields[] = {
	{ "mode",          SCHEMA_WORD,  false, AT(config, proxy.mode),          "direct", "direct|system|own", 0, 0 },
	{ "url",           SCHEMA_PROXY, false, AT(config, proxy.url),           "", NULL, 0, 0 },
	{ "user",          SCHEMA_TEXT,  false, AT(config, proxy.user),          "", NULL, 0, 0 },
	{ "password_file", SCHEMA_PATH,  false, AT(config, proxy.password_file), "", NULL, 0, 0 },
	{ "no_proxy",      SCHEMA_TEXT,  true,  AT(config, proxy.no_proxy),      "", NULL, 0, 0 },
};

static const struct schema_field mail_fields[] = {
	{ "url",           SCHEMA_MAIL_URL, false, AT(config_mail, url),           "", NULL, 0, 0 },
	{ "from",          SCHEMA_ADDRESS,  false, AT(config_mail, from),          "", NULL, 0, 0 },
	{ "to",            SCHEMA_ADDRESS,  true,  AT(config_mail, to),            "", NULL, 0, 0 },
	{ "user",          SCHEMA_TEXT,     false, AT(config_mail, user),          "", NULL, 0, 0 },
	{ "password_file", SCHEMA_PATH,     false, AT(config_mail, password_file), "", NULL, 0, 0 },
	{ "ca_file",       SCHEMA_PATH,     false, AT(config_mail, ca_file),       "", NULL, 0, 0 },
	{ "events",        SCHEMA_FLAGS,    true,  AT(config_mail, events),        "", CONFIG_MAIL_EVENTS, 0, 0 },
	{ "details",       SCHEMA_BOOL,     false, AT(config_mail, details),       "false", NULL, 0, 0 },
	{ "digest_at",     SCHEMA_TIME,     false, AT(config_mail, digest_at),     "", NULL, 0, 0 },
	{ "digest_empty",  SCHEMA_BOOL,     false, AT(config_mail, digest_empty),  "true", NULL, 0, 0 },
	{ "interval",      SCHEMA_DURATION, false, AT(config_mail, interval_ms),   "2 s", NULL, 10, 60 * MINUTE_MS },
	{ "retry",         SCHEMA_DURATION, false, AT(config_mail, retry_ms),      "60 s", NULL, 100, 60 * MINUTE_MS },
	{ "give_up",       SCHEMA_DURATION, false, AT(config_mail, give_up_ms),    "5 d", NULL, MINUTE_MS, 30 * DAY_MS },
	{ "state_dir",     SCHEMA_PATH,     false, AT(config_mail, state_dir),     "/var/lib/podatelna-mail", NULL, 0, 0 },
};

static const struct schema_field clock_fields[] = {
	{ "forward_max", SCHEMA_DURATION, false, AT(config, clock_forward_max_ms), "30 d", NULL, MINUTE_MS, 3660 * DAY_MS },
};

static const struct schema_field journal_fields[] = {
	{ "segment",   SCHEMA_SIZE,     false, AT(config, journal_segment_bytes), "64 MiB", NULL, 65536, 4096 * MIB },
	{ "quiet",     SCHEMA_DURATION, false, AT(config, journal_quiet_ms),      "5 s", NULL, 100, 60 * MINUTE_MS },
	{ "busy",      SCHEMA_DURATION, false, AT(config, journal_busy_ms),       "60 s", NULL, 100, DAY_MS },
	{ "notes_dir", SCHEMA_PATH,     false, AT(config, notes_dir),             "", NULL, 0, 0 },
	{ "stamp_warn_after", SCHEMA_DURATION, false, AT(config, stamp_warn_ms),  "2 h", NULL, 0, 366 * DAY_MS },
	{ "stamp_stop_after", SCHEMA_DURATION, false, AT(config, stamp_stop_ms),  "48 h", NULL, 0, 366 * DAY_MS },
	{ "renew_before", SCHEMA_DURATION, false, AT(config, renew_before_ms),    "90 d", NULL, 0, 1830 * DAY_MS },
	{ "weak_hashes", SCHEMA_FLAGS,    true,  AT(config, weak_hashes),         "", CONFIG_HASHES, 0, 0 },
	{ "crl_every", SCHEMA_DURATION,   false, AT(config, crl_every_ms),        "1 d", NULL, 0, 366 * DAY_MS },
	{ "crl_urls",  SCHEMA_TEXT,       true,  AT(config, signer_crl_urls),     "", NULL, 0, 0 },
	{ "chain",     SCHEMA_PATH,       false, AT(config, signer_chain),        "", NULL, 0, 0 },
};

static const struct schema_field token_fields[] = {
	{ "module",      SCHEMA_PATH,        false, AT(config_token, module),      NULL, NULL, 0, 0 },
	{ "uri",         SCHEMA_PKCS11,      false, AT(config_token, uri),         NULL, "token", 0, 0 },
	{ "pin",         SCHEMA_PIN,         false, AT(config_token, pin),         CONFIG_PIN_PROMPT, NULL, 0, 0 },
	{ "serial",      SCHEMA_TEXT,        false, AT(config_token, serial),      "", NULL, 0, 0 },
	{ "environment", SCHEMA_ENVIRONMENT, true,  AT(config_token, environment), "", NULL, 0, 0 },
	{ "readable",    SCHEMA_PATH,        true,  AT(config_token, readable),    "", NULL, 0, 0 },
	{ "writable",    SCHEMA_PATH,        true,  AT(config_token, writable),    "", NULL, 0, 0 },
	{ "pcsc",        SCHEMA_BOOL,        false, AT(config_token, pcsc),        "true", NULL, 0, 0 },
	{ "keep_pin",    SCHEMA_BOOL,        false, AT(config_token, keep_pin),    "false", NULL, 0, 0 },
};

static const struct schema_field key_fields[] = {
	{ "token", SCHEMA_NAME,   false, AT(config_key, token), NULL, NULL, 0, 0 },
	{ "uri",   SCHEMA_PKCS11, false, AT(config_key, uri),   NULL, "key", 0, 0 },
	{ "use",   SCHEMA_FLAGS,  true,  AT(config_key, use),   NULL, "sign|vault|journal|tls|decrypt", 0, 0 },
	{ "cert",  SCHEMA_PATH,   false, AT(config_key, cert),  "", NULL, 0, 0 },
};

static const struct schema_field partner_fields[] = {
	{ "url",                  SCHEMA_URL,      false, AT(config_partner, url),                  NULL, NULL, 0, 0 },
	{ "backup_urls",          SCHEMA_URL,      true,  AT(config_partner, backup_urls),          "", NULL, 0, 0 },
	{ "env",                  SCHEMA_WORD,     false, AT(config_partner, env),                  NULL, "production|sandbox|test", 0, 0 },
	{ "sign_key",             SCHEMA_NAME,     true,  AT(config_partner, sign_keys),            NULL, NULL, 0, 0 },
	{ "tls_key",              SCHEMA_NAME,     false, AT(config_partner, tls_key),              "", NULL, 0, 0 },
	{ "answer_key",           SCHEMA_NAME,     true,  AT(config_partner, answer_keys),          "", NULL, 0, 0 },
	{ "test_first",           SCHEMA_BOOL,     false, AT(config_partner, test_first),           "true", NULL, 0, 0 },
	{ "ca_file",              SCHEMA_PATH,     false, AT(config_partner, ca_file),              "", NULL, 0, 0 },
	{ "anchors",              SCHEMA_PATH,     false, AT(config_partner, anchors),              "", NULL, 0, 0 },
	{ "encrypt_to",           SCHEMA_PATH,     false, AT(config_partner, encrypt_to),           "", NULL, 0, 0 },
	{ "encrypt_to_sha256",    SCHEMA_HEX256,   true,  AT(config_partner, encrypt_to_sha256),    "", NULL, 0, 0 },
	{ "signer_cn",            SCHEMA_TEXT,     true,  AT(config_partner, signer_cn),            "", NULL, 0, 0 },
	{ "signer_o",             SCHEMA_TEXT,     false, AT(config_partner, signer_o),             "", NULL, 0, 0 },
	{ "signer_sha256",        SCHEMA_HEX256,   true,  AT(config_partner, signer_sha256),        "", NULL, 0, 0 },
	{ "email",                SCHEMA_TEXT,     false, AT(config_partner, email),                "", NULL, 0, 0 },
	{ "retention",            SCHEMA_TEXT,     false, AT(config_partner, retention),            "", NULL, 0, 0 },
	{ "allow_software_token", SCHEMA_BOOL,     false, AT(config_partner, allow_software_token), "false", NULL, 0, 0 },
	{ "poll_first",           SCHEMA_DURATION, false, AT(config_partner, poll_first_ms),        "0", NULL, 0, 30 * DAY_MS },
	{ "poll_deferred",        SCHEMA_DURATION, false, AT(config_partner, poll_deferred_ms),     "0", NULL, 0, 30 * DAY_MS },
	{ "duplicate_wait",       SCHEMA_DURATION, false, AT(config_partner, duplicate_wait_ms),    "0", NULL, 0, 366 * DAY_MS },
	{ "poll_max",             SCHEMA_DURATION, false, AT(config_partner, poll_max_ms),          "0", NULL, 0, 30 * DAY_MS },
	{ "connect_timeout",      SCHEMA_DURATION, false, AT(config_partner, connect_timeout_ms),   "10 s", NULL, 100, 10 * MINUTE_MS },
	{ "deadline",             SCHEMA_DURATION, false, AT(config_partner, deadline_ms),          "120 s", NULL, 500, 60 * MINUTE_MS },
	{ "reply_limit",          SCHEMA_SIZE,     false, AT(config_partner, reply_limit_bytes),    "0", NULL, 0, 1024 * MIB },
	{ "interval",             SCHEMA_DURATION, false, AT(config_partner, interval_ms),          "1 s", NULL, 0, 60 * MINUTE_MS },
	{ "approval",             SCHEMA_WORD,     false, AT(config_partner, approval),             "none", CONFIG_APPROVAL_WORDS, 0, 0 },
	{ "sessions",             SCHEMA_COUNT,    false, AT(config_partner, sessions_max),         "4", NULL, 1, 64 },
	{ "options",              SCHEMA_OPTION,   true,  AT(config_partner, options),              "", NULL, 0, 0 },
};

static const struct schema_field tsa_fields[] = {
	{ "urls",          SCHEMA_TEXT,     true,  AT(config_tsa, urls),          NULL, NULL, 0, 0 },
	{ "user",          SCHEMA_TEXT,     false, AT(config_tsa, user),          "", NULL, 0, 0 },
	{ "password_file", SCHEMA_PATH,     false, AT(config_tsa, password_file), "", NULL, 0, 0 },
	{ "tls_key",       SCHEMA_NAME,     false, AT(config_tsa, tls_key),       "", NULL, 0, 0 },
	{ "policy",        SCHEMA_TEXT,     false, AT(config_tsa, policy),        "", NULL, 0, 0 },
	{ "ca_file",       SCHEMA_PATH,     false, AT(config_tsa, ca_file),       "", NULL, 0, 0 },
	{ "anchors",       SCHEMA_PATH,     false, AT(config_tsa, anchors),       "", NULL, 0, 0 },
	{ "hash",          SCHEMA_WORD,     false, AT(config_tsa, hash),          "sha256", CONFIG_HASHES, 0, 0 },
	{ "package",       SCHEMA_COUNT,    false, AT(config_tsa, package),       "0", NULL, 0, 10000000 },
	{ "packages",      SCHEMA_TEXT,     true,  AT(config_tsa, packages),      "", NULL, 0, 0 },
	{ "stop_line",     SCHEMA_COUNT,    false, AT(config_tsa, stop_line),     "0", NULL, 0, 10000000 },
	{ "anchor_every",  SCHEMA_DURATION, false, AT(config_tsa, anchor_every_ms), "60 min", NULL, 1000, 366 * DAY_MS },
	{ "day_end",       SCHEMA_BOOL,     false, AT(config_tsa, day_end),       "true", NULL, 0, 0 },
	{ "check_every",   SCHEMA_DURATION, false, AT(config_tsa, check_every_ms), "1 d", NULL, 0, 366 * DAY_MS },
	{ "crl_urls",      SCHEMA_TEXT,     true,  AT(config_tsa, crl_urls),      "", NULL, 0, 0 },
};

static const struct schema_field query_fields[] = {
	{ "partner", SCHEMA_NAME,  false, AT(config_query, partner), NULL, NULL, 0, 0 },
	{ "what",    SCHEMA_TEXT,  false, AT(config_query, what),    NULL, NULL, 0, 0 },
	{ "vs",      SCHEMA_TEXT,  false, AT(config_query, vs),      "", NULL, 0, 0 },
	{ "at",      SCHEMA_TIME,  false, AT(config_query, at),      "06:30", NULL, 0, 0 },
	{ "days",    SCHEMA_COUNT, false, AT(config_query, days),    "7", NULL, 1, 366 },
};

static const struct schema_field user_fields[] = {
	{ "rights",   SCHEMA_FLAGS, true,  AT(config_user, rights),   NULL, "file|read|send|approve|token|admin|erase", 0, 0 },
	{ "sign_key", SCHEMA_NAME,  false, AT(config_user, sign_key), "", NULL, 0, 0 },
	{ "mail",     SCHEMA_ADDRESS, false, AT(config_user, mail),   "", NULL, 0, 0 },
};

static const struct schema_section sections[SECTION_COUNT] = {
	[SECTION_FILE]    = { "",        false, 1, file_fields, COUNT_OF(file_fields) },
	[SECTION_USERS]   = { "run_as",  false, 1, users_fields, COUNT_OF(users_fields) },
	[SECTION_SHARE]   = { "share",   false, 1, share_fields, COUNT_OF(share_fields) },
	[SECTION_PROXY]   = { "proxy",   false, 1, proxy_fields, COUNT_OF(proxy_fields) },
	[SECTION_MAIL]    = { "mail",    false, 1, mail_fields, COUNT_OF(mail_fields) },
	[SECTION_CLOCK]   = { "clock",   false, 1, clock_fields, COUNT_OF(clock_fields) },
	[SECTION_JOURNAL] = { "journal", false, 1, journal_fields, COUNT_OF(journal_fields) },
	[SECTION_TOKEN]   = { "token",   true, CONFIG_TOKENS_MAX, token_fields, COUNT_OF(token_fields) },
	[SECTION_KEY]     = { "key",     true, CONFIG_KEYS_MAX, key_fields, COUNT_OF(key_fields) },
	[SECTION_PARTNER] = { "partner", true, CONFIG_PARTNERS_MAX, partner_fields, COUNT_OF(partner_fields) },
	[SECTION_TSA]     = { "tsa",     true, CONFIG_TSAS_MAX, tsa_fields, COUNT_OF(tsa_fields) },
	[SECTION_QUERY]   = { "query",   true, CONFIG_QUERIES_MAX, query_fields, COUNT_OF(query_fields) },
	[SECTION_USER]    = { "user",    true, CONFIG_USERS_MAX, user_fields, COUNT_OF(user_fields) },
};

const struct schema config_schema = { sections, SECTION_COUNT };
