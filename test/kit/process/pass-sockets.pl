# Runs a command with sockets on descriptors 3, 4, …, and says so in its environment, as systemd does:
#   perl pass-sockets.pl NAME=KIND… -- COMMAND…
# KIND is tcp:PORT, udp, unix:PATH, idle (bound, and nobody listens), connection, or file:PATH.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Fcntl qw(F_DUPFD);
use POSIX ();

# What is opened here stays open in the command.
$^F = 1000;
my (@names, @kept);
my $any = '127.0.0.1';
while (@ARGV and (my $word = shift) ne '--') {
    my ($name, $kind, $value) = $word =~ /^(.*)=([a-z]+)(?::(.*))?$/ or die "what is $word?\n";
    my $socket;
    if ($kind eq 'tcp') {
        $socket = IO::Socket::INET->new(
            LocalAddr => $any, LocalPort => $value, Listen => 4096, ReuseAddr => 1,
        );
    } elsif ($kind eq 'udp') {
        $socket = IO::Socket::INET->new(LocalAddr => $any, Proto => 'udp');
    } elsif ($kind eq 'unix') {
        $socket = IO::Socket::UNIX->new(Local => $value, Listen => 1);
    } elsif ($kind eq 'idle') {
        $socket = IO::Socket::INET->new(LocalAddr => $any, LocalPort => 0, Proto => 'tcp');
    } elsif ($kind eq 'connection') {
        my $listener = IO::Socket::INET->new(LocalAddr => $any, Listen => 1);
        $socket = IO::Socket::INET->new(PeerAddr => $any, PeerPort => $listener->sockport);
        push @kept, $listener, fcntl($listener, F_DUPFD, 100);
    } elsif ($kind eq 'file') {
        open $socket, '<', $value or undef $socket;
    }
    die "$word: $!\n" unless $socket;
    # Above those on which they are going to be.
    push @kept, $socket;
    push @names, [$name, fcntl($socket, F_DUPFD, 100)];
}
my $at = 3;
POSIX::dup2($_->[1], $at++) for @names;
POSIX::close($_->[1]) for @names;
$ENV{LISTEN_FDS} //= @names;
$ENV{LISTEN_PID} //= $$;
$ENV{LISTEN_FDNAMES} //= join ':', map { $_->[0] } @names;
exec @ARGV or die "$ARGV[0]: $!\n";
