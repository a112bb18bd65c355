"""The output folder as `Tree` has it: what it knows, and what comes into it behind its back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pkibuild.core.diagnostics import UserError
from pkibuild.world import disk
from pkibuild.world.tree import Tree


def test_a_link_that_comes_into_a_folder_just_made_is_not_followed(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    tree.make_folder("hosts/www")
    assert tree.stat("hosts/www/etc/ssl/x.crt") is None  # of what it has made, it knows what is in it
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "out/hosts/www/etc").symlink_to(away)
    with pytest.raises(UserError) as refused:
        tree.write("hosts/www/etc/x.conf", b"text")
    assert refused.value.diagnostics[0].code == "symlink"
    assert not list(away.iterdir())


def test_what_lies_behind_such_a_link_is_neither_seen_nor_changed(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    tree.make_folder("hosts/www")
    (tmp_path / "away/etc").mkdir(parents=True)
    (tmp_path / "away/x").write_bytes(b"other's")
    (tmp_path / "away/x").chmod(0o640)
    (tmp_path / "away/link").symlink_to("x")
    (tmp_path / "out/hosts/www/etc").symlink_to(tmp_path / "away")
    assert tree.list("hosts/www/etc") == []
    assert list(tree.walk("hosts/www/etc")) == []
    for touch in (lambda: tree.read_link("hosts/www/etc/link"), lambda: tree.set_mode("hosts/www/etc/x", 0o644)):
        with pytest.raises(UserError) as refused:
            touch()
        assert "no such file or folder" in refused.value.diagnostics[0].message
    assert (tmp_path / "away/x").stat().st_mode & 0o777 == 0o640


def test_nothing_is_taken_or_removed_through_a_link(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    (tmp_path / "away/empty").mkdir(parents=True)
    (tmp_path / "away/x").write_bytes(b"other's")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/hosts").symlink_to(tmp_path / "away")
    for touch in (
        lambda: tree.rename("hosts/x", "y"),
        lambda: tree.link("hosts/x", "y"),
        lambda: tree.truncate("hosts/x", 0),
        lambda: tree.remove_empty_folders("hosts/empty"),
    ):
        with pytest.raises(UserError) as refused:
            touch()
        assert refused.value.diagnostics[0].code == "symlink"
    assert not (tmp_path / "out/y").exists()
    assert (tmp_path / "away/x").read_bytes() == b"other's"
    assert (tmp_path / "away/empty").is_dir()


def test_a_folder_that_comes_behind_its_back_is_used_and_closed(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    tree.make_folder("hosts/www")
    (tmp_path / "out/hosts/www/private").mkdir(mode=0o755)
    tree.make_folder("hosts/www/private", 0o700)
    assert (tmp_path / "out/hosts/www/private").stat().st_mode & 0o777 == 0o700


def test_a_folder_made_for_all_is_closed_when_it_is_to_be_private(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    tree.make_folder("hosts/www/private")
    tree.make_folder("hosts/www/private", 0o700)
    assert (tmp_path / "out/hosts/www/private").stat().st_mode & 0o777 == 0o700


def test_what_was_removed_is_looked_for_again(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    tree.write("hosts/www/x.conf", b"text")
    tree.remove("hosts/www/x.conf")
    tree.remove_empty_folders("hosts/www")
    assert not (tmp_path / "out/hosts").exists()
    tree.write("hosts/www/x.conf", b"text")
    assert tree.read("hosts/www/x.conf") == b"text"


def test_a_file_is_whole_where_the_system_takes_it_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(disk.os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    tree = Tree(str(tmp_path / "out"))
    tree.write("x.conf", b"0123456789")
    tree.append("x.conf", b"abcd")
    assert tree.read("x.conf") == b"0123456789abcd"


def test_what_comes_to_be_in_a_folder_that_was_not_there_is_seen(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "out"))
    assert tree.read("hosts/www/etc/x.conf") is None
    assert tree.stat("hosts/mail/etc/x.conf") is None
    tree.write("hosts/www/etc/x.conf", b"text")
    assert tree.read("hosts/www/etc/x.conf") == b"text"
    assert tree.stat("hosts/mail/etc/x.conf") is None
    (tmp_path / "out/hosts/mail/etc").mkdir(parents=True)
    (tmp_path / "out/hosts/mail/etc/x.conf").write_bytes(b"other")
    tree.forget()
    assert tree.read("hosts/mail/etc/x.conf") == b"other"


def test_a_file_where_a_folder_is_to_be_is_refused_in_words(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path))
    (tmp_path / "hosts").write_bytes(b"")
    with pytest.raises(UserError) as refused:
        tree.write("hosts/www/x.conf", b"text")
    assert "a part of its path is not a folder" in refused.value.diagnostics[0].message


def test_folders_that_are_there_need_no_right_to_make_them(tmp_path: Path) -> None:
    (tmp_path / "hosts/www").mkdir(parents=True)
    tree = Tree(str(tmp_path))
    (tmp_path / "hosts").chmod(0o555)
    try:
        tree.write("hosts/www/x.conf", b"text")
    finally:
        (tmp_path / "hosts").chmod(0o755)
    assert (tmp_path / "hosts/www/x.conf").read_bytes() == b"text"
