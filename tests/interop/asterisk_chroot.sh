#!/bin/sh
# Make a folder with a real Asterisk 22 in it, set up for test_asterisk.py; see README.md.
#
#   sudo ./asterisk_chroot.sh DIR
#
# Debian's unstable release has Asterisk, the stable ones have not. Needs root, debootstrap, a Debian
# mirror and 600 MB; nothing outside DIR is changed. Run again, it only writes the configuration.
set -eu

root=${1:?usage: asterisk_chroot.sh DIR}

if [ ! -x "$root/usr/sbin/asterisk" ]; then
  debootstrap --variant=minbase sid "$root"
  # What a package's installation asks before it starts a service: 101 is "not allowed".
  printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  DEBIAN_FRONTEND=noninteractive chroot "$root" \
    apt-get install -y --no-install-recommends asterisk asterisk-modules
fi

# Asterisk looks its own name up when it starts, by DNS if it must.
printf '127.0.0.1 localhost %s\n' "$(hostname)" > "$root/etc/hosts"

conf() {
  cat > "$root/etc/asterisk/$1"
}

# All modules but those that need a database, or listen where nobody asked them to.
conf modules.conf <<'END'
[modules]
autoload = yes
noload = cdr_pgsql.so
noload = cel_pgsql.so
noload = chan_iax2.so
noload = chan_unistim.so
noload = pbx_dundi.so
noload = res_config_ldap.so
noload = res_config_pgsql.so
END

# Whoever calls from this machine.
conf pjsip.conf <<'END'
[loopback]
type = transport
protocol = udp
bind = 127.0.0.1:5060

[caller]
type = endpoint
context = streams
disallow = all
allow = ulaw
direct_media = no
rtp_symmetric = yes

[caller]
type = identify
endpoint = caller
match = 127.0.0.1
END

# 100: AudioSocket. 200: WebSocket, 201: its control messages in JSON, with a variable that tells who
# calls, 202: with a wrong password, 203 and 204: in other formats.
conf extensions.conf <<'END'
[streams]
exten => 100,1,Answer()
 same => n,AudioSocket(40325ec2-5efd-4bd3-805f-53576e581d13,127.0.0.1:9092)
 same => n,Hangup()
exten => 200,1,Answer()
 same => n,Dial(WebSocket/right/c(ulaw))
 same => n,Hangup()
exten => 201,1,Answer()
 same => n,Set(_CALLER=${CALLERID(num)})
 same => n,Dial(WebSocket/right/c(ulaw)f(json))
 same => n,Hangup()
exten => 202,1,Answer()
 same => n,Dial(WebSocket/wrong/c(ulaw))
 same => n,Hangup()
exten => 203,1,Answer()
 same => n,Dial(WebSocket/right/c(slin16))
 same => n,Hangup()
exten => 204,1,Answer()
 same => n,Dial(WebSocket/right/c(alaw))
 same => n,Hangup()
END

conf websocket_client.conf <<'END'
[right]
type = websocket_client
uri = ws://127.0.0.1:8799/telephone/handler
protocols = media
username = fastrtc
password = secret
connection_type = per_call_config

[wrong]
type = websocket_client
uri = ws://127.0.0.1:8799/telephone/handler
protocols = media
username = fastrtc
password = guessed
connection_type = per_call_config
END

chroot "$root" sh -c '
  mkdir -p /var/run/asterisk /var/log/asterisk /var/spool/asterisk
  chown -R asterisk:asterisk /etc/asterisk /var/lib/asterisk /var/log/asterisk \
    /var/run/asterisk /var/spool/asterisk'
