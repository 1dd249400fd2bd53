"""Small helpers: files of a folder, and the words that the simulator's error lists are known by."""

import os

FIRST_WORDS = {"k_list": "UKAZKA2", "s_list": "STRUKTURA", "unknown_typ": "NOVINKA", "cert_refused": "PODPIS", "n_only": "UKAZKA3",
               "p_list": "UKAZKA1", "e_list": "VYJIMKA"}


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()
