"""The stand-in is Nuke as far as the public stubs say, and fails where Nuke would crash or hang."""

from __future__ import annotations

import inspect
import sys

from tests.nuke_plugin.stand_in import Host
from tests.nuke_plugin.stand_in.signatures import difference, read_signatures


def test_every_function_and_method_has_the_signature_of_the_public_stubs(host: Host) -> None:
    signatures = read_signatures()
    module = sys.modules["nuke"]
    differences = []
    for name, value in vars(module).items():
        if name.startswith("_") or name in {"nodes", "host"}:
            continue
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if not method.startswith("_"):
                    differences.append(difference(f"{name}.{method}", function, signatures))
        elif callable(value):
            differences.append(difference(name, value, signatures))
        elif name not in signatures.names:
            differences.append(f"{name} is in no stub")
    assert [sentence for sentence in differences if sentence] == []
