"""Which backends a test uses."""

from __future__ import annotations

from neglog.engine import fast_path, selection


def only(monkeypatch, *names: str) -> None:
    """Have no other backends; the reference is the last of them."""
    chosen = [b for b in selection.BACKENDS if b.name in (*names, "reference")]
    use(monkeypatch, chosen)


def use(monkeypatch, chosen) -> None:
    """Have these backends, and no plan of the others."""
    monkeypatch.setattr(selection, "BACKENDS", chosen)
    monkeypatch.setattr(fast_path, "plans", {})
