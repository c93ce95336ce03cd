package testkit

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SimpleSAML is a real identity provider: SimpleSAMLphp from Debian, on the web server that PHP brings along. It knows anna, whose password is "correct horse", and bruno.
type SimpleSAML struct {
	URL      string // of its folder of pages, with a slash at the end
	EntityID string
	Metadata string // address of its metadata

	t   testing.TB
	dir string
}

// SimpleSAMLUser is somebody whom it knows.
type SimpleSAMLUser struct{ Name, Password, Email, Display string }

// SimpleSAMLUsers are those whom it knows.
var SimpleSAMLUsers = []SimpleSAMLUser{
	{"anna", "correct horse", "anna@example.com", "Anna Adler"},
	{"bruno", "battery staple", "bruno@example.com", "Bruno Bianchi"},
}

// StartSimpleSAML starts one with a key of its own, and stops it with the test. It knows no service yet: see Know.
func StartSimpleSAML(t testing.TB) *SimpleSAML {
	t.Helper()
	const pages = "/usr/share/simplesamlphp/www"
	if _, err := os.Stat(pages); err != nil {
		t.Fatalf("%v (scripts/need simplesaml installs it)", err)
	}
	dir, err := Folder("saml")
	if err != nil {
		t.Fatal(err)
	}
	listen := freeAddr(t)
	_, port, _ := net.SplitHostPort(listen)
	p := &SimpleSAML{URL: "http://localhost:" + port + "/", t: t, dir: dir} // another site than ours at 127.0.0.1, for a browser
	p.EntityID, p.Metadata = p.URL+"saml2/idp/metadata.php", p.URL+"saml2/idp/metadata.php"
	for _, folder := range []string{"config", "metadata", "cert", "log", "data", "tmp", "session"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.write("config/config.php", simpleConfig)
	p.write("config/authsources.php", simpleUsers())
	p.NewKey("idp")
	p.Configure("")
	p.Know(nil, "")
	stop, err := Program{
		Dir: dir, Name: "php", Arguments: []string{"-d", "display_errors=stderr", "-S", listen, "-t", pages},
		Env: []string{"SIMPLESAMLPHP_CONFIG_DIR=" + filepath.Join(dir, "config")},
	}.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile(filepath.Join(dir, "log", "simplesamlphp.log"))
			t.Logf("SimpleSAMLphp says:\n%s", said[max(0, len(said)-3000):])
		}
		stop()
	})
	if err := Reachable("tcp", listen, filepath.Join(dir, "output")); err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Timeout: patience}).Get(p.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("SimpleSAMLphp gives no metadata: %s", answer.Status)
	}
	return p
}

// write writes a file of its configuration: {dir} and {url} are filled in.
func (p *SimpleSAML) write(name, text string) {
	p.t.Helper()
	text = strings.NewReplacer("{dir}", p.dir, "{url}", p.URL, "{entity}", p.EntityID).Replace(text)
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// NewKey makes a key and a certificate of that name for it.
func (p *SimpleSAML) NewKey(name string) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("cert/"+name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	p.write("cert/"+name+".crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// Certificate is the certificate of that name, as PEM.
func (p *SimpleSAML) Certificate(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "cert", name+".crt"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// Configure writes its own description anew. extra are lines of PHP that come last and so prevail, for instance `'signature.algorithm' => '…',`.
func (p *SimpleSAML) Configure(extra string) {
	p.t.Helper()
	p.write("metadata/saml20-idp-hosted.php", strings.Replace(simpleIdP, "{extra}", extra, 1))
}

// Know makes it read our metadata, just as we serve it, with extra lines of PHP about us.
func (p *SimpleSAML) Know(ours []byte, extra string) {
	p.t.Helper()
	if ours == nil {
		ours = []byte(`<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"/>`)
	}
	p.write("metadata/ours.xml", string(ours))
	p.write("metadata/extra.php", "<?php return ["+extra+"];")
	p.write("metadata/saml20-sp-remote.php", simpleService)
}

func simpleUsers() string {
	users := ""
	for _, user := range SimpleSAMLUsers {
		users += fmt.Sprintf("'%s:%s' => ['uid' => ['%s'], 'mail' => ['%s'], 'displayName' => ['%s'], 'groups' => ['support', 'sales']],\n", user.Name, user.Password, user.Name, user.Email, user.Display)
	}
	return "<?php\n$config = ['users' => ['exampleauth:UserPass',\n" + users + "]];\n"
}

const simpleConfig = `<?php
$config = [
	'baseurlpath' => '{url}', 'certdir' => '{dir}/cert/', 'loggingdir' => '{dir}/log/', 'datadir' => '{dir}/data/', 'tempdir' => '{dir}/tmp', 'metadatadir' => '{dir}/metadata/',
	'attributenamemapdir' => '/etc/simplesamlphp/attributemap/', 'technicalcontact_name' => 'x', 'technicalcontact_email' => 'x@example.com', 'secretsalt' => 'a salt of this test',
	'auth.adminpassword' => 'not for guests', 'timezone' => 'UTC', 'admin.checkforupdates' => false, 'showerrors' => true, 'errorreporting' => false,
	'logging.level' => SimpleSAML\Logger::INFO, 'logging.handler' => 'file', 'logging.logfile' => 'simplesamlphp.log', 'statistics.out' => [],
	'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
	'session.cookie.secure' => false, 'session.cookie.samesite' => 'Lax', 'session.phpsession.cookiename' => 'SimpleSAML', 'session.phpsession.savepath' => '{dir}/session', 'session.phpsession.httponly' => true, 'store.type' => 'phpsession',
	'language.available' => ['en'], 'language.default' => 'en', 'metadata.sources' => [['type' => 'flatfile']], 'metadata.sign.enable' => false,
	'authproc.idp' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'identifyingAttribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent']],
];
`

const simpleIdP = `<?php
$metadata['{entity}'] = array_merge([
	'host' => '__DEFAULT__', 'auth' => 'users', 'privatekey' => 'idp.pem', 'certificate' => 'idp.crt', 'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
	'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
], [{extra}]);
`

// simpleService lets its own parser read our metadata, and asks that everything we send be signed.
const simpleService = `<?php
foreach (SimpleSAML\Metadata\SAMLParser::parseDescriptorsFile('{dir}/metadata/ours.xml') as $entity => $parsed) {
	$ours = $parsed->getMetadata20SP();
	if ($ours !== null) {
		$metadata[$entity] = array_merge($ours, ['validate.authnrequest' => true, 'redirect.validate' => true, 'validate.logout' => true, 'sign.logout' => true, 'redirect.sign' => true, 'saml20.sign.response' => true], include '{dir}/metadata/extra.php');
	}
}
`

// SignIn follows an address of ours to it, fills in its page as that person, and returns what the browser would post to us then. A person who is signed in there already is not asked.
func (p *SimpleSAML) SignIn(client *http.Client, address string, user SimpleSAMLUser) Form {
	p.t.Helper()
	answer, err := client.Get(address)
	if err != nil {
		p.t.Fatal(err)
	}
	form := FirstForm(p.t, answer)
	if !form.Fields.Has("password") {
		return form
	}
	form.Fields.Set("username", user.Name)
	form.Fields.Set("password", user.Password)
	answer, err = client.PostForm(form.Action, form.Fields)
	if err != nil {
		p.t.Fatal(err)
	}
	return FirstForm(p.t, answer)
}
