#!/usr/bin/env python3
"""tidy finds what it says it finds: a small tree with one breach at a time, and one with none."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TIDY = pathlib.Path(__file__).resolve().parents[2] / "tools/tidy.py"
HEADER = "/* price: what a call costs. */\n#ifndef PRICE_PRICE_H\n#define PRICE_PRICE_H\n\n%s#endif\n"


def run(**files):
    """tidy's status and output over a tree of the given files beside a clean one."""
    tree = {
        "src/LAYERS": "base:\nmodel: base\nprice: base model\nstore: base model\n",
        "src/price/price.h": HEADER % "int price_find(int key);\n\n",
        "src/price/price.c": '#include "price/price.h"\n',
    }
    tree.update({name.replace("__", "/").replace("_DOT_", "."): text
                 for name, text in files.items()})
    with tempfile.TemporaryDirectory() as root:
        for name, text in tree.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, TIDY, root], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout


class Tidy(unittest.TestCase):
    def breach(self, expected, **files):
        status, output = run(**files)
        self.assertIn(expected, output)
        self.assertEqual(status, 1)

    def source(self, expected, line):
        self.breach(expected, src__price__more_DOT_c=line + "\n")

    def test_a_clean_tree_passes(self):
        status, output = run()
        self.assertTrue(output.endswith("tidy\n"), output)
        self.assertEqual(status, 0)

    def test_an_include_of_another_stage_is_found(self):
        self.source("src/price/more.c:1: price/ may not include store/", '#include "store/store.h"')

    def test_a_layer_that_includes_upward_is_found(self):
        self.breach("src/LAYERS:1: base may include model, which is not below it",
                    src__LAYERS="base: model\nmodel: base\nprice: base model\n")

    def test_a_folder_without_a_layer_is_found(self):
        self.breach("src/LAYERS has no line for odd", src__odd__odd_DOT_c="int odd;\n")

    def test_banned_calls_are_found(self):
        for call in ("strcpy(a, b)", "sprintf (a, b)", "time(NULL)", "rand()", "assert(a)"):
            self.source("is banned", call + ";")

    def test_banned_calls_in_text_and_other_names_are_not(self):
        code = '/* strcpy() */\nint clock_time(void);\nconst char *a = "atoi(1)";\n'
        status, output = run(src__price__more_DOT_c=code)
        self.assertEqual(status, 0, output)

    def test_memory_outside_base_is_found(self):
        self.source("malloc() outside base/", "void *a = malloc(3);")
        status, output = run(src__base__memory_DOT_c="void *a = malloc(3);\n")
        self.assertEqual(status, 0, output)

    def test_a_header_that_needs_another_is_found(self):
        self.breach("does not compile alone",
                    src__price__price_DOT_h=HEADER % "uint64_t price_find(void);\n\n")

    def test_a_wrong_guard_is_found(self):
        self.breach("the include guard is not", src__price__other_DOT_h=HEADER % "")

    def test_unfinished_work_is_found(self):
        self.source("unfinished work", "/* " + "TO" + "DO: more */")

    def test_machine_paths_and_registries_are_found(self):
        self.source("a path of one machine", 'const char *a = "/' + 'root/x";')
        self.source("the host of a package registry", "/* https" + "://registry.npm" + "js.org */")

    def test_an_unfinished_merge_is_found(self):
        self.source("a merge that was not finished", "<" * 7 + " HEAD")

    def test_links_that_lead_nowhere_are_found(self):
        self.breach("README.md:1: a link to docs/gone.md, which is not there",
                    README_DOT_md="See [it](docs/gone.md).\n")
        self.breach("a link to #speed, which no heading of README.md has",
                    README_DOT_md="# Cost\n\nSee [it](#speed).\n")

    def test_links_in_code_and_to_other_places_are_not(self):
        status, output = run(README_DOT_md="# The `a` cost\n\n[x](#the-a-cost) [y](https://x) "
                                           "`[z](gone)`\n\n```\n[z](gone)\n```\n")
        self.assertEqual(status, 0, output)

    def test_a_page_that_no_other_leads_to_is_found(self):
        self.breach("docs/lost.md:1: no page that docs/README.md leads to",
                    docs__README_DOT_md="[all](adr)\n", docs__adr__0001_DOT_md="[a](../a.md)\n",
                    docs__a_DOT_md="a\n", docs__lost_DOT_md="lost\n")

    def test_white_space_is_found(self):
        self.source("a tab", "\tint a;")
        self.source("white space at the end", "int a; ")
        self.breach("no newline at the end", src__price__more_DOT_c="int a;")


if __name__ == "__main__":
    unittest.main()
