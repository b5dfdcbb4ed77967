# Completion of the command line in bash, and in zsh and fish where these are installed: the test asks each shell what it offers.
use strict;
use warnings;

use IPC::Run ();
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir('completion');
append_to_file("$folder/relay.toml", '');
my %script;
for my $shell (qw(bash zsh fish)) {
    my ($code, $out, $err) = Outbox::Relay::call('completion', $shell);
    ok($code == 0 && $err eq '', "completion $shell");
    append_to_file("$folder/$shell", $out);
    my $said = '';
    ok(IPC::Run::run([ $shell, '-n', "$folder/$shell" ], '>&', \$said), "$shell can read it") or diag $said if is_there($shell);
}
is((Outbox::Relay::call(qw(completion tcsh)))[0], 2, 'another shell is an error');

sub is_there { my ($shell) = @_; return system("command -v $shell >/dev/null") == 0 }

# Returns what a shell offers for a line, whose last word is to be completed; sorted.
sub bash {
    my @words = @_;
    my $out;
    IPC::Run::run([ 'bash', '-c', '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _outbox_relay; printf "%s\n" "${COMPREPLY[@]}"', "$folder/bash", @words ],
        '>', \$out, init => sub { chdir $folder }) or die 'bash fails';
    return join ' ', sort grep { $_ ne '' } split /\n/, $out;
}

sub fish {
    my @words = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'fish', '-c', 'source $argv[1]; complete -C $argv[2]', "$folder/fish", join ' ', @words ], '>', \$out, '2>', \$err,
        init => sub { chdir $folder; @ENV{qw(HOME XDG_CONFIG_HOME XDG_DATA_HOME)} = ($folder) x 3 }) or die "fish fails: $err";
    return join ' ', sort map { s/\t.*//r } split /\n/, $out;
}

# The shell runs in a terminal of its own, and prints the list as text.
sub zsh {
    my @words = @_;
    my $out;
    my $driver = <<'END';
zmodload zsh/zpty
zpty -b shell zsh -f
zpty -w shell "PROMPT='<%(?.ok.no)>' RPROMPT= LISTMAX=1000; stty -echo cols 400; autoload -U compinit; compinit -u -D; . $1"
zpty -w shell 'compadd() { if [[ "$*" == *-[OAD]* || ${@[(I)-[OAD]*]} -gt 0 ]]; then builtin compadd "$@"; return; fi
    local -a hits; builtin compadd -O hits "$@"; print -rl -- "HIT "${^hits}; builtin compadd "$@" }'
zpty -w shell 'bindkey "^I" complete-word; zstyle ":completion:*" list-grouped false; print READY'
zpty -r -m shell line '*READY*<ok>*'
zpty -w -n shell "$2"$'\t'
zpty -w -n shell $'\C-u'"print DONE"$'\n'
zpty -r -m shell line '*DONE*'
print -r -- "$line"
END
    IPC::Run::run([ 'zsh', '-f', '-c', $driver, 'zsh', "$folder/zsh", join ' ', @words ], '>', \$out, '2>&1', init => sub { chdir $folder }, IPC::Run::timeout(60));
    my %hits = map { ($_ => 1) } $out =~ /HIT (\S+?)=?\r?$/mg;
    return join ' ', sort keys %hits;
}

for my $shell (\&bash, \&fish) {
    my $name = $shell == \&bash ? 'bash' : 'fish';
    SKIP: {
        skip "there is no $name", 1 if !is_there($name);
        like($shell->('outbox-relay', 'dr'), qr/^drain$/, "$name: a command");
        is($shell->('outbox-relay', 'config', ''), 'check show', 'a command of a command');
        is($shell->('outbox-relay', 'completion', 'f'), 'fish', 'another one');
        is($shell->('outbox-relay', 'run', '--deliv'), '--delivery', 'an option,');
        is($shell->('outbox-relay', 'tail', '--deliv'), '', 'of those that the command takes');
        is($shell->('outbox-relay', 'config', 'show', '--orig'), '--origin', 'of a command of two words');
        is($shell->('outbox-relay', 'run', '--delivery', ''), 'at-least-once exactly-once', 'the words of an option');
        is($shell->('outbox-relay', 'run', '--on-poison', 'd'), 'dead-letter', 'those that begin so');
        is($shell->('outbox-relay', 'run', '--config', 'rel'), 'relay.toml', 'a file');
        is($shell->('outbox-relay', 'run', '--slot', ''), '', 'nothing where nobody can know') if $name eq 'bash';
    }
}
is(bash('outbox-relay', 'run', '--delivery', '=', 'ex'), 'exactly-once', 'bash: a word behind "="');
is(bash('outbox-relay', 'run', '--delivery', '='), 'at-least-once exactly-once', 'and all of them');

SKIP: {
    skip 'there is no zsh', 1 if !is_there('zsh');
    is(zsh('outbox-relay', 'dr'), 'drain', 'zsh: a command');
    is(zsh('outbox-relay', 'config', 'sh'), 'show', 'a command of a command');
    is(zsh('outbox-relay', 'run', '--deliv'), '--delivery', 'an option');
    is(zsh('outbox-relay', 'config', 'show', '--orig'), '--origin', 'of a command of two words');
    is(zsh('outbox-relay', 'run', '--delivery', ''), 'at-least-once exactly-once', 'the words of an option');
}

# The shell offers each option of each command, as the table of the settings has them.
for my $command (qw(run setup skip health doctor status dead-letters drain tail)) {
    my ($code, $help) = Outbox::Relay::call('help', $command);
    my %flags = map { ($_ => 1) } $help =~ /(?<![\w-])(--[a-z][a-z-]+)(?= |,|$)/mg;
    my @missing = grep { my $flag = $_; $help =~ /^ +(?:-\w,)?\Q$flag\E(?:,| |$)/m && bash('outbox-relay', $command, $flag) !~ /(?:^| )\Q$flag\E(?: |$)/ } sort keys %flags;
    is_deeply(\@missing, [], "bash knows all options of $command");
}
done_testing();
