def test_it_loads(host, node):
    assert node.knob("erode").value() == 0
