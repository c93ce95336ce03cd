# Judges the DKIM signatures of mails with Mail::DKIM: judge.pl HOST PORT, the name server to ask.
# Each line on standard input is a mail in base64, and each on standard output "domain/selector=result" for each of its signatures, with a tab after each.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use MIME::Base64;
use Net::DNS::Resolver;

my ($host, $port) = @ARGV;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => [$host], port => $port, recurse => 1, retry => 3, udp_timeout => 5, udppacketsize => 4096));
$| = 0;
while (my $line = <STDIN>) {
    my $out = '';
    eval {
        my $verifier = Mail::DKIM::Verifier->new;
        $verifier->PRINT(decode_base64($line));
        $verifier->CLOSE;
        for my $one ($verifier->signatures) {
            next if ref $one ne 'Mail::DKIM::Signature';
            my $why = $one->result_detail // $one->result // 'none';
            $why =~ s/[\s=]+/ /g;
            $out .= lc(($one->domain // '') . '/' . ($one->selector // '')) . "=$why\t";
        }
        1;
    } or do { my $why = $@; $why =~ s/[\s=]+/ /g; $out = "error=$why\t" };
    print "$out\n";
}
