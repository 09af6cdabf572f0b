#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "margay/core/error.h"
#include "margay/fetch/download.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_server.h"
#include "tests/support/thrown_message.h"

namespace margay::fetch {
namespace {

using testing_support::SeenRequest;
using testing_support::ServerConnection;
using testing_support::TemporaryFolder;
using testing_support::TestServer;

/// A key, and a certificate for 127.0.0.1 that it signs itself.
class OwnCertificate {
 public:
  OwnCertificate() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    X509_set_version(certificate_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3600);
    X509_set_pubkey(certificate_.get(), key_.get());
    X509_NAME* const name = X509_get_subject_name(certificate_.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate_.get(), name);
    X509_EXTENSION* const host = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate_.get(), host, -1);
    X509_EXTENSION_free(host);
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }

  EVP_PKEY* key() const { return key_.get(); }
  X509* certificate() const { return certificate_.get(); }
  void write(const std::filesystem::path& path) const {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate_.get());
    std::fclose(file);
  }

 private:
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

class EncryptedConnection : public ServerConnection {
 public:
  EncryptedConnection(int socket, const std::atomic<bool>& ends, SSL_CTX* context)
      : ServerConnection(socket, ends), ssl_(SSL_new(context), SSL_free) {
    SSL_set_fd(ssl_.get(), socket);
  }
  bool accept() { return SSL_accept(ssl_.get()) == 1; }
  long read(char* bytes, std::size_t size) override { return SSL_read(ssl_.get(), bytes, static_cast<int>(size)); }
  long write(const char* bytes, std::size_t size) override {
    return SSL_write(ssl_.get(), bytes, static_cast<int>(size));
  }

 private:
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

class EncryptedServer : public testing::Test {
 protected:
  EncryptedServer() {
    SSL_CTX_use_certificate(context_.get(), own_.certificate());
    SSL_CTX_use_PrivateKey(context_.get(), own_.key());
  }

  TestServer::Accept accept() const {
    return [this](int socket, const std::atomic<bool>& ends) -> std::unique_ptr<ServerConnection> {
      auto connection = std::make_unique<EncryptedConnection>(socket, ends, context_.get());
      if (!connection->accept()) return nullptr;
      return connection;
    };
  }

  OwnCertificate own_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  TemporaryFolder folder_;
  DownloadObserver quiet_;
};

TEST_F(EncryptedServer, IsNotTrustedWithACertificateThatNobodyKnows) {
  const TestServer server(
      [](ServerConnection& c, const SeenRequest& r) { testing_support::answer_honestly(c, r, "secret"); }, accept());
  const std::string url = server.url("file.bin", "https");
  const std::string message =
      testing_support::thrown_message<core::Error>([&] { download(url, folder_ / "file.bin", {}, {}, quiet_); });
  EXPECT_NE(message.find("127.0.0.1: its certificate is wrong"), std::string::npos) << message;
  EXPECT_NE(message.find(url), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "file.bin"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(EncryptedServer, IsTrustedWithTheCertificatesOfAFile) {
  const TestServer server(
      [](ServerConnection& c, const SeenRequest& r) { testing_support::answer_honestly(c, r, "secret"); }, accept());
  own_.write(folder_ / "ca.pem");
  download(server.url("file.bin", "https"), folder_ / "file.bin", {}, {.ca_file = folder_ / "ca.pem"}, quiet_);
  EXPECT_EQ(testing_support::file_content(folder_ / "file.bin"), "secret");
}

TEST_F(EncryptedServer, LeadsNobodyToAnOpenOne) {
  const TestServer open(
      [](ServerConnection& c, const SeenRequest& r) { testing_support::answer_honestly(c, r, "secret"); });
  const TestServer server(
      [&](ServerConnection& c, const SeenRequest&) {
        testing_support::answer_status(c, "302 There", "Location: " + open.url("file.bin") + "\r\n");
      },
      accept());
  own_.write(folder_ / "ca.pem");
  const std::string message = testing_support::thrown_message<core::Error>([&] {
    download(server.url("file.bin", "https"), folder_ / "file.bin", {}, {.ca_file = folder_ / "ca.pem"}, quiet_);
  });
  EXPECT_NE(message.find("only https is followed"), std::string::npos);
  EXPECT_TRUE(open.requests().empty());
}

}  // namespace
}  // namespace margay::fetch
