#!/usr/bin/python3
"""Manual pages and shell completion out of the programs' own tables: what `podatelna help` knows is what stands in them.

  make.py TEMPLATE OUT --bin DIR --example FILE --version V [--language cs|en]

In a template a line @COMMANDS@, @OPTIONS@, @DAEMON-OPTIONS@ or @KEYS@ is replaced by a part in roff, @TABLES@ by the tables of the completion, and
@VERSION@ anywhere by the version. Commands and options come from `podatelna --json help`, the options of podatelnad from its --help, the keys with
their explanations from config/podatelna.conf.example (a unit test holds that against the schema).
"""

import argparse
import json
import os
import re
import shlex
import subprocess

KEY = re.compile(r"(?P<off># )?(?P<name>[a-z][a-z0-9_]*) = (?P<value>.+)")
SECTION = re.compile(r"(?P<off># )?(?P<name>[a-z_]+)(?P<title> \"[^\"]*\")? \{(?P<rest>.*)")
HEADING = re.compile(r"# --- (.+?) -+")


def roff(text):
    """Text as roff means it: no escapes, no requests, a dash that can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def bold(text):
    return f"\\fB{roff(text)}\\fR"


def usage(text):
    """Arguments: names in capitals are italic, the rest bold."""
    return re.sub(r"[A-Z]+|[^A-Z]+", lambda m: f"\\fI{m[0]}\\fR" if m[0].isupper() else bold(m[0]), text) if text else ""


def run(program, *words, language):
    env = {**os.environ, "PODATELNA_LANGUAGE": language, "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run([program, *words], stdout=subprocess.PIPE, check=True, env=env).stdout.decode()


class Tables:
    def __init__(self, bin_dir, language):
        rows = json.loads(run(os.path.join(bin_dir, "podatelna"), "--language", language, "--json", "help", language=language))
        self.commands = [r for r in rows if r["kind"] == "command"]
        self.options = {r["name"]: r for r in rows if r["kind"] == "option"}
        self.states = [r["state"] for r in rows if r["kind"] == "state"]
        text = run(os.path.join(bin_dir, "podatelnad"), "--help", language=language)
        self.daemon = re.findall(r"^  --(\S+)(?: ([A-Z]+))?  +(.*)$", text, re.M)


def option_roff(option):
    argument = f" {usage(option['argument'])}" if option.get("argument") else ""
    return [".TP", bold("--" + option["name"]) + argument, roff(option["help"]) + "."]


def commands_roff(tables):
    lines = []
    for command in tables.commands:
        name = " ".join(filter(None, (command["name"], command.get("sub"))))
        lines += [".TP", bold(name) + (" " + usage(command["arguments"]) if command.get("arguments") else ""), roff(command["help"]) + "."]
        own = [tables.options[o] for o in command.get("options", "").split()]
        if own:
            lines += [".RS"] + [line for option in own for line in option_roff(option)] + [".RE"]
    return lines


def options_roff(tables):
    return [line for option in tables.options.values() if option.get("global") for line in option_roff(option)]


def daemon_roff(tables):
    return [line for name, argument, text in tables.daemon for line in option_roff({"name": name, "argument": argument, "help": text})]


# --- the keys of the configuration ---


def entry(found, new):
    """A key that stands right below another shares its words. A commented key shows its default, another one an example."""
    value = found["value"].strip()
    return [".TP" if new else ".TQ", f"{bold(found['name'])} = {roff(value)}"]


def said(comment):
    return [roff(" ".join(comment))] if comment else [".br"]


def keys_roff(example):
    with open(example, encoding="utf-8") as f:
        lines = f.read().splitlines()
    out, comment, group = [], [], []
    inside = switched_off = started = False

    def flush():
        nonlocal group
        if group:
            words, keys = group
            out.extend(line for i, found in enumerate(keys) for line in entry(found, i == 0))
            out.extend(said(words))
        group = []

    for line in lines:
        heading = HEADING.match(line)
        if heading:
            flush()
            out.extend([f'.SH "{roff(heading[1].upper())}"'])
            started, comment = True, []
            continue
        if not started:
            continue
        text = line.strip()
        if inside and switched_off:
            text = re.sub(r"^#\s*", "", text) if re.match(r"#\s*[a-z_]+ = |#\s*\}", text) else re.sub(r"^#\s+#", "#", text)
        section, key = SECTION.fullmatch(text), KEY.fullmatch(text)
        if section and (section["rest"] == "" or section["rest"].endswith("}")):
            flush()
            out.extend([f'.SS "{roff(section["name"] + (section["title"] or "")).replace(chr(34), chr(34) * 2)}"'])
            out.extend(said(comment) if comment else [])
            comment = []
            inner = KEY.fullmatch(section["rest"].strip(" }"))
            if inner:
                out.extend(entry(inner, True) + [".br"])
            else:
                inside, switched_off = True, bool(section["off"])
        elif text in ("}", "# }"):
            flush()
            inside = switched_off = False
        elif key:
            if comment or not group:
                flush()
                group = [comment, []]
                comment = []
            group[1].append(key)
        elif text.startswith("#"):
            flush()
            comment.append(text[1:].strip())
        else:
            flush()
            out.extend([".PP"] + said(comment) if comment else [])
            comment = []
    flush()
    return out


# --- completion ---


def completion_tables(tables):
    def table(name, values):
        body = "\n".join(f"\t[{shlex.quote(k)}]={shlex.quote(v)}" for k, v in values.items())
        return f"declare -gA {name}=(\n{body}\n)"
    names = {" ".join(filter(None, (c["name"], c.get("sub")))): c for c in tables.commands}
    subs = {}
    for command in tables.commands:
        if command.get("sub"):
            subs[command["name"]] = (subs.get(command["name"], "") + " " + command["sub"]).strip()
    return [f"_podatelna_commands={shlex.quote(' '.join(dict.fromkeys(c['name'] for c in tables.commands)))}",
            f"_podatelna_global={shlex.quote(' '.join('--' + o['name'] for o in tables.options.values() if o.get('global')))}",
            f"_podatelna_states={shlex.quote(' '.join(tables.states))}",
            table("_podatelna_subs", subs),
            table("_podatelna_words", {k: c.get("arguments", "") for k, c in names.items()}),
            table("_podatelna_options", {k: " ".join("--" + o for o in c.get("options", "").split()) for k, c in names.items()}),
            table("_podatelna_values", {"--" + o["name"]: o["argument"] for o in tables.options.values() if o.get("argument")})]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template")
    parser.add_argument("out")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--example", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--language", default="en")
    args = parser.parse_args()
    tables = Tables(args.bin, args.language)
    parts = {"@COMMANDS@": commands_roff, "@OPTIONS@": options_roff, "@DAEMON-OPTIONS@": daemon_roff, "@KEYS@": lambda _: keys_roff(args.example),
             "@TABLES@": completion_tables}
    out = []
    with open(args.template, encoding="utf-8") as f:
        for line in f.read().splitlines():
            out += parts[line](tables) if line in parts else [line.replace("@VERSION@", args.version)]
    os.makedirs(os.path.dirname(args.out), exist_ok=True)
    with open(args.out, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
