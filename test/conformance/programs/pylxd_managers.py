"""Every manager of pylxd against the server that LXD_DIR names: `pylxd_managers.py CHECK`."""
import sys

import pylxd
from pylxd.exceptions import LXDAPIException, NotFound

client = pylxd.Client()
IMAGE = {"type": "image", "alias": "busybox"}


def refused(exception, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except exception as error:
        return str(error)
    raise AssertionError(f"{call} was not refused")


def containers():
    config = {"name": "p1", "source": IMAGE, "architecture": "2", "config": {"user.a": "1"}}
    machine = client.containers.create(config, wait=True)
    assert client.containers.exists("p1") and not client.containers.exists("p2")
    machine.start(wait=True)
    assert machine.status == "Running", machine.status
    assert machine.state().pid > 1
    assert machine.execute(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\n", "err\n")
    assert machine.execute(["cat"], stdin_payload="given").stdout == "given"
    assert machine.execute(["/no/such"]).exit_code == 127
    machine.config["user.a"] = "2"
    machine.save(wait=True)
    assert client.containers.get("p1").config["user.a"] == "2"
    machine.freeze(wait=True)
    machine.sync()
    assert machine.status == "Frozen", machine.status
    machine.unfreeze(wait=True)
    machine.restart(wait=True)
    refused(LXDAPIException, client.containers.create, config, wait=True)
    refused(NotFound, client.containers.get, "nothing")
    machine.stop(wait=True)
    machine.rename("p2", wait=True)
    assert [one.name for one in client.containers.all()] == ["p2"]
    client.containers.get("p2").delete(wait=True)
    assert client.containers.all() == []


def files():
    machine = client.containers.create({"name": "f1", "source": IMAGE}, wait=True)
    machine.files.put("/root/page", "content", mode=0o640, uid=5, gid=6)
    assert machine.files.get("/root/page") == b"content"
    assert machine.files.delete_available()
    machine.files.delete("/root/page")
    refused(NotFound, machine.files.get, "/root/page")
    machine.files.recursive_put(sys.path[0], "/srv")
    assert b"Every manager" in machine.files.get("/srv/pylxd_managers.py")
    machine.delete(wait=True)


def snapshots():
    machine = client.containers.create({"name": "s1", "source": IMAGE}, wait=True)
    machine.files.put("/root/kept", "kept")
    snapshot = machine.snapshots.create("first", wait=True)
    assert snapshot.name == "first", snapshot.name
    machine.files.delete("/root/kept")
    machine.restore_snapshot("first", wait=True)
    assert machine.files.get("/root/kept") == b"kept"
    snapshot.rename("second", wait=True)
    assert [one.name for one in machine.snapshots.all()] == ["second"]
    image = machine.snapshots.get("second").publish(wait=True)
    assert image.fingerprint
    refused(NotFound, machine.snapshots.get, "nothing")
    machine.snapshots.get("second").delete(wait=True)
    machine.delete(wait=True)
    image.delete(wait=True)


def images():
    machine = client.containers.create({"name": "i1", "source": IMAGE}, wait=True)
    image = client.images.get_by_alias("busybox")
    assert client.images.exists("busybox", alias=True)
    assert image.fingerprint in [one.fingerprint for one in client.images.all()]
    data = image.export().read()
    image.add_alias("other", "another name")
    assert client.images.get_by_alias("other").fingerprint == image.fingerprint
    image.delete_alias("other")
    image.properties["note"] = "hello"
    image.save(wait=True)
    assert client.images.get(image.fingerprint[:12]).properties["note"] == "hello"
    refused(NotFound, client.images.get_by_alias, "nothing")
    refused(LXDAPIException, client.images.create, data, wait=True)
    image.delete(wait=True)
    again = client.images.create(data, public=True, wait=True)
    assert again.fingerprint == image.fingerprint and again.public
    published = machine.publish(wait=True)
    assert published.fingerprint != again.fingerprint
    published.delete(wait=True)
    machine.delete(wait=True)


def profiles():
    profile = client.profiles.create("mine", config={"user.a": "1"}, devices={"x": {"type": "none"}})
    assert client.profiles.exists("mine")
    profile.config["user.a"] = "2"
    profile.save(wait=True)
    assert client.profiles.get("mine").config["user.a"] == "2"
    renamed = profile.rename("yours")
    assert renamed.name == "yours"
    assert "yours" in [one.name for one in client.profiles.all()]
    refused(LXDAPIException, client.profiles.create, "default")
    renamed.delete(wait=True)
    refused(NotFound, client.profiles.get, "yours")


def networks():
    network = client.networks.create("br9", description="ours", type="bridge",
                                     config={"ipv4.address": "10.98.0.1/24"})
    assert client.networks.exists("br9")
    network.description = "theirs"
    network.save()
    assert client.networks.get("br9").description == "theirs"
    renamed = network.rename("br8")
    assert "br8" in [one.name for one in client.networks.all()]
    renamed.delete(wait=True)
    refused(NotFound, client.networks.get, "br8")


def storage_pools():
    pool = client.storage_pools.get("default")
    assert client.storage_pools.exists("default")
    assert pool.resources.get().space["total"] > 0
    assert [one.name for one in client.storage_pools.all()] == ["default"]
    refused(NotFound, client.storage_pools.get, "nothing")
    refused(LXDAPIException, client.storage_pools.create, {"name": "x", "driver": "zfs"})


def operations():
    answer = client.api.containers.post(json={"name": "o1", "source": IMAGE})
    operation = client.operations.get(answer.json()["operation"])
    operation.wait()
    client.containers.get("o1").delete(wait=True)
    refused(NotFound, client.operations.get, "00000000-0000-4000-8000-000000000000")


def certificates():
    assert client.certificates.all() == []
    assert client.trusted and client.host_info["auth"] == "trusted"


globals()[sys.argv[1]]()
