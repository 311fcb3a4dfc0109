from hack.cluster.sources import PackageSource, archive_for, own_source_list, parse_sources

STANZAS = """\
Types: deb
# a comment inside
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/debian.gpg

Types: deb deb-src
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://sources-only.test/debian
Suites: bookworm
Components: main
"""
LINES = """\
# deb http://commented.test/debian bookworm main
deb [arch=amd64 signed-by=/keys/line.gpg] http://line.test/debian bookworm main non-free # trailing
deb-src http://line.test/debian bookworm main
deb http://third-party.test/apt stable main
"""


def test_stanzas_give_uris_suites_and_keyrings() -> None:
    assert parse_sources({"debian.sources": STANZAS}) == [
        PackageSource(
            "http://mirror.test/debian", ("bookworm", "bookworm-updates"), ("main", "contrib"), "/keys/debian.gpg"
        ),
        PackageSource("http://mirror.test/security", ("bookworm-security",), ("main",), ""),
    ]


def test_lines_give_the_same_and_skip_comments_and_source_entries() -> None:
    assert parse_sources({"sources.list": LINES}) == [
        PackageSource("http://line.test/debian", ("bookworm",), ("main", "non-free"), "/keys/line.gpg"),
        PackageSource("http://third-party.test/apt", ("stable",), ("main",), ""),
    ]


def test_sources_list_comes_first_and_files_of_other_kinds_are_ignored() -> None:
    files = {"a.sources": STANZAS, "sources.list": LINES, "b.list.disabled": LINES}
    assert [each.uri for each in parse_sources(files)] == [
        "http://line.test/debian",
        "http://third-party.test/apt",
        "http://mirror.test/debian",
        "http://mirror.test/security",
    ]


def test_the_archive_is_the_first_source_of_the_suite_with_main() -> None:
    sources = parse_sources({"debian.sources": STANZAS})
    assert archive_for(sources, "bookworm") == sources[0]
    assert archive_for(sources, "trixie") is None


def test_own_list_has_binaries_and_sources_of_the_suites_of_this_release_only() -> None:
    sources = parse_sources({"sources.list": LINES, "debian.sources": STANZAS})
    default = "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert own_source_list(sources, "bookworm").splitlines() == [
        "deb [signed-by=/keys/line.gpg] http://line.test/debian bookworm main",
        "deb-src [signed-by=/keys/line.gpg] http://line.test/debian bookworm main",
        "deb [signed-by=/keys/debian.gpg] http://mirror.test/debian bookworm main",
        "deb-src [signed-by=/keys/debian.gpg] http://mirror.test/debian bookworm main",
        "deb [signed-by=/keys/debian.gpg] http://mirror.test/debian bookworm-updates main",
        "deb-src [signed-by=/keys/debian.gpg] http://mirror.test/debian bookworm-updates main",
        f"deb [signed-by={default}] http://mirror.test/security bookworm-security main",
        f"deb-src [signed-by={default}] http://mirror.test/security bookworm-security main",
    ]
