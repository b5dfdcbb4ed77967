# The manual pages: groff and mandoc find no fault, the pages have every option, key, command and exit code, and `make install` and the packages
# install them.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP qw(decode_json);
use Outbox::Process qw(slurp);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $folder = PostgreSQL::Test::Utils::tempdir('man');
my $said = '';
ok(IPC::Run::run([ "$project/packaging/man", $folder ], '>&', \$said) && $said eq '', 'packaging/man makes them') or diag $said;

# The text that a reader sees, without marks for bold.
sub shown {
    my ($page) = @_;
    my ($out, $complaints) = ('', '');
    ok(IPC::Run::run([ qw(groff -man -Kutf8 -Tutf8 -ww -P -cbou -rLL=160n), "$folder/$page" ], '>', \$out, '2>', \$complaints), "$page: groff shows it");
    is($complaints, '', 'without a complaint');
    SKIP: {
        skip 'there is no mandoc', 1 if system('command -v mandoc >/dev/null') != 0;
        my $lint = '';
        IPC::Run::run([ qw(mandoc -T lint -W warning), "$folder/$page" ], '>&', \$lint);
        is(join('', grep { !/missing date/ } split /^/, $lint), '', 'nor has mandoc one'); # a date would make each build another
    }
    return $out;
}
my %page = map { ($_ => shown($_)) } qw(outbox-relay.1 outbox-relay.toml.5 outbox.7);

unlike($page{$_}, qr{\]\(|(?<!\*)\*\*(?!\*)|`|<!--|^\|}m, "$_: no Markdown is left") for sort keys %page;
my ($code, $table) = Outbox::Relay::call(qw(help --markdown));
my @flags = $table =~ /^\| `(?:-X`, `)?(--[\w-]+)`/mg;
cmp_ok(scalar @flags, '>', 40, 'options are known');
is_deeply([ grep { $page{'outbox-relay.1'} !~ /^ +(?:-X, )?\Q$_\E\b/m } @flags ], [], 'outbox-relay(1) has each');
my (undef, $help) = Outbox::Relay::call('help');
my @commands = $help =~ /^subcommands:\n(.*)/ims ? $1 =~ /^  (\S+)  /mg : ();
cmp_ok(scalar @commands, '>', 9, 'commands are known');
is_deeply([ grep { $page{'outbox-relay.1'} !~ /outbox-relay \Q$_\E/ } @commands ], [], 'and each');
my @codes = slurp("$project/relay/base/exit_code.h") =~ /^    \w+ = (\d+),/mg;
is_deeply([ grep { $page{'outbox-relay.1'} !~ /^ +$_  +\S/m } @codes ], [], 'and each exit code');

my (undef, $shown) = Outbox::Relay::call(qw(config show --json));
my @keys = keys %{ decode_json($shown) };
cmp_ok(scalar @keys, '>', 15, 'keys are known');
is_deeply([ grep { $page{'outbox-relay.toml.5'} !~ /^ +\Q$_\E\b/m } grep { !/^(?:kafka|config|property)$/ } @keys ], [], 'outbox-relay.toml(5) has each');

# ---- what is installed

my $makefile = slurp("$project/Makefile");
like($makefile, qr{^manual := \$\(addprefix \$\(BUILD\)/man/,outbox-relay\.1 outbox-relay\.toml\.5 outbox\.7\)$}m, 'make builds these pages');
my ($relay, $extension) = map { slurp("$project/packaging/debian/$_.install") } qw(outbox-relay extension);
like($relay, qr{^usr/share/man/man$_$}m, "the relay's package has section $_") for 1, 5;
like($extension, qr{^usr/share/man/man7$}m, 'and the extension\'s has section 7');
like($relay, qr{^\Q$_\E$}m, "and the relay's $_") for qw(usr/share/bash-completion/completions usr/share/zsh/vendor-completions usr/share/fish/vendor_completions.d etc/outbox-relay.toml);
done_testing();
