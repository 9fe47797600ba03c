"""A stand-in for Nuke: strict where Nuke crashes, hangs or says nothing.

    host                           the script, the main thread, what the artist sees and does
    module, functions              `nuke` and `nukescripts` on top of it
    nodes, knobs, menus, frames    their objects; `node_classes` says which nodes have which knobs
    rendering, operations          a small evaluator of node graphs, on `pictures`
    signatures                     what the public stubs say, to check all of it against

Everything that is not here fails, everything that is called with wrong arguments fails, and nodes and knobs fail in any
thread but the main one. What was caught is written down and fails the test at its end.
"""

from tests.nuke_plugin.stand_in.host import Host
from tests.nuke_plugin.stand_in.module import installed
from tests.nuke_plugin.stand_in.nodes import Group, Node
from tests.nuke_plugin.stand_in.strict import LEDGER, Violation

__all__ = ["LEDGER", "Group", "Host", "Node", "Violation", "installed"]
