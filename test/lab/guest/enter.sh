# Makes the host's root file system, under a writable layer in memory, the guest's own. Sourced by the agent, which it
# replaces: $request is the id it then owes an answer to; $boot_id, $now and $checkout come from the host.
set -e
trap 'answer "$request" 1' EXIT
date -s "@$now"
for part in host tools; do
  mkdir -p "/$part"
  mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=524288,ro "$part" "/$part"
done
mkdir -p /layer /new
mount -t tmpfs layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host:/tools,upperdir=/layer/upper,workdir=/layer/work root /new

mkdir -p /new/share /new/tmp /new/run /new/usr/lib/modules
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=524288 share /new/share
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount -t devtmpfs dev /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o ptmxmode=666 pts /new/dev/pts
for folder in dev/shm tmp run usr/lib/modules; do mount -t tmpfs tmpfs "/new/$folder"; done
chmod 1777 /new/tmp /new/dev/shm
# The checkout may lie in one of these folders.
if [ ! -e "/new$checkout" ]; then
  mkdir -p "/new$checkout"
  mount --bind "/host$checkout" "/new$checkout"
fi

mkdir -p /new/run/lab
cp /bin/busybox /lab/agent.sh /new/run/lab
# Without this, all guests of a snapshot would have the same boot id.
echo "$boot_id" >/new/run/lab/boot-id
mount --bind /new/run/lab/boot-id /new/proc/sys/kernel/random/boot_id

cd /new
mount --move . /
exec chroot . /run/lab/busybox sh -c \
  'mount --make-rshared / && exec /run/lab/busybox sh /run/lab/agent.sh "$0" "$1"' /run/lab "$request"
