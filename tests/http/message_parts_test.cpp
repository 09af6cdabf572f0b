#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/http/base64.h"
#include "margay/http/multipart.h"
#include "margay/http/request.h"
#include "margay/http/response.h"
#include "margay/http/static_files.h"
#include "margay/http/target.h"
#include "margay/http/tokens.h"
#include "margay/http/trace.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::http {
namespace {

using testing_support::thrown_message;

int refused_with(const std::function<void()>& call) {
  try {
    call();
  } catch (const RequestError& error) {
    return error.status();
  }
  return 0;
}

TEST(RequestTarget, IsDecodedOnce) {
  const Target target = parse_target("/a%20b/%C3%A9/%252e?top=5&name=two+words%26more&flag&=x&&");
  EXPECT_EQ(target.path, "/a b/\xC3\xA9/%2e");
  ASSERT_EQ(target.query.size(), 4U);
  EXPECT_EQ(target.query[0].name + "|" + target.query[0].value, "top|5");
  EXPECT_EQ(target.query[1].value, "two words&more");
  EXPECT_EQ(target.query[2].name + "|" + target.query[2].value, "flag|");
  EXPECT_EQ(target.query[3].name + "|" + target.query[3].value, "|x");
  EXPECT_EQ(parse_target("//a/").path, "//a/");
  EXPECT_EQ(parse_target("http://host:1?q").path, "/");
  EXPECT_EQ(parse_target("http://host:1/x").authority, "host:1");
  EXPECT_EQ(percent_decoded(percent_encoded("a/b ü%\n")), "a/b ü%\n");
}

TEST(RequestTarget, RefusesPathTricks) {
  for (const char* target : {"/..",  "/a/../b", "/.",   "/%2e%2e/x", "/%2E.",       "/a%2fb",      "/a%5cb", "/a\\b",
                             "/%00", "/%0a",    "/%ff", "/%c0%ae",   "/%",          "/%4",         "/%zz",   "/?a=%g0",
                             "/a#b", "",        "a",    "http://",   "file:///etc", "javascript:x"}) {
    EXPECT_EQ(refused_with([&] { parse_target(target); }), 400) << target;
  }
}

TEST(Traceparent, IsTakenAsTheStandardWantsIt) {
  const std::string valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(is_traceparent(valid));
  EXPECT_EQ(trace_id(valid), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_TRUE(is_traceparent("cc" + valid.substr(2) + "-later"));
  EXPECT_FALSE(is_traceparent(valid + "-later"));
  EXPECT_FALSE(is_traceparent("ff" + valid.substr(2)));
  EXPECT_FALSE(is_traceparent(valid.substr(1)));
  EXPECT_FALSE(is_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  EXPECT_FALSE(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  EXPECT_NE(new_request_id(), new_request_id());
}

TEST(Request, ReadsCookiesTokensAndOrigins) {
  const Request request{.headers = {{"Cookie", "a=1; session=x=y;b=\"q\""},
                                    {"Authorization", "bearer  abc "},
                                    {"Content-Type", "Image/JPEG; q=1"},
                                    {"Origin", "http://localhost:8080"},
                                    {"Host", "localhost:8080"}}};
  EXPECT_EQ(request.cookie("session"), "x=y");
  EXPECT_EQ(request.cookie("b"), "\"q\"");
  EXPECT_EQ(request.cookie("c"), "");
  EXPECT_EQ(request.bearer_token(), "abc");
  EXPECT_EQ(request.media_type(), "image/jpeg");
  EXPECT_TRUE(request.is_same_origin());
  EXPECT_FALSE(Request({.headers = {{"Origin", "null"}, {"Host", "a"}}}).is_same_origin());
  EXPECT_FALSE(Request({.headers = {{"Origin", "http://b"}, {"Host", "a"}}}).is_same_origin());
}

TEST(Response, WritesEventsLineByLine) {
  EXPECT_EQ(event_text("a\nb\r\nc\rd", "n", "7"), "event: n\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(event_text(""), "data: \n\n");
  EXPECT_THROW(event_text("a", "x\ny"), std::invalid_argument);
  EXPECT_EQ(error(404, "a \"quote\"").body, R"({"error":"a \"quote\""})");
}

TEST(Base64, KnowsTheVectorsOfItsStandard) {  // RFC 4648, section 10
  for (const auto& [bytes, text] :
       {std::pair{"", ""}, std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="}, std::pair{"foo", "Zm9v"},
        std::pair{"foob", "Zm9vYg=="}, std::pair{"fooba", "Zm9vYmE="}, std::pair{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64_encoded(bytes), text);
    EXPECT_EQ(base64_decoded(text), bytes);
  }
  std::string all(256, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  EXPECT_EQ(base64_decoded(base64_encoded(all)), all);
}

TEST(Base64, IsStrict) {
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm-_", "=", "====", "Z===", "Zg==Zg==", "Zm=v"}) {
    EXPECT_FALSE(base64_decoded(text).has_value()) << text;
  }
}

constexpr const char* kFormType = "multipart/form-data; boundary=\"AaB03x\"";

TEST(Multipart, FindsNamesFilesAndBytes) {
  const std::string body =
      "preamble\r\n--AaB03x\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n5\r\n"
      "--AaB03x  \r\ncontent-disposition: form-data; filename=\"C:\\dir\\a \\\"b\\\".jpg\"; name=images\r\n"
      "Content-Type: image/jpeg\r\n\r\n\xFF\xD8\r\n--AaB03\r\nx\r\n--AaB03x--\r\nepilogue";
  const std::vector<FormPart> parts = parse_multipart(body, kFormType);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].name + "|" + parts[0].file_name + "|" + parts[0].content_type, "top||text/plain");
  EXPECT_EQ(parts[0].bytes, "5");
  EXPECT_EQ(parts[1].name, "images");
  EXPECT_EQ(parts[1].file_name, "C:\\dir\\a \"b\".jpg");
  EXPECT_EQ(parts[1].content_type, "image/jpeg");
  EXPECT_TRUE(parts[1].bytes.starts_with("\xFF\xD8\r\n--AaB03"));
  EXPECT_TRUE(parse_multipart("--AaB03x--", kFormType).empty());
}

TEST(Multipart, APreambleMayBeEmpty) {  // RFC 2046, section 5.1.1: preamble CRLF, both optional
  const std::string parts = "--AaB03x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--AaB03x--";
  for (const std::string before : {"", "\r\n", "\r\n\r\n", "text\r\n"}) {
    const std::vector<FormPart> read = parse_multipart(before + parts, kFormType);
    ASSERT_EQ(read.size(), 1U) << before.size();
    EXPECT_EQ(read[0].name, "a");
    EXPECT_EQ(read[0].bytes, "b");
  }
  const std::string dashes = "\r\n--b--\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--b----";
  EXPECT_EQ(parse_multipart(dashes, "multipart/form-data; boundary=b--").size(), 1U);
}

TEST(Multipart, RefusesWhatIsBroken) {
  const std::string head = "--AaB03x\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  const auto refusal = [&](const std::string& body, const std::string& type = kFormType) {
    return refused_with([&] { parse_multipart(body, type, {.parts = 2, .header_bytes = 200}); });
  };
  EXPECT_EQ(refusal(head + "x\r\n--AaB03x--"), 0);
  EXPECT_EQ(refusal(head + "x"), 400);
  EXPECT_EQ(refusal(head + "x\r\n--AaB03x"), 400);
  EXPECT_EQ(refusal("nothing"), 400);
  EXPECT_EQ(refusal("--AaB03xyz\r\n"), 400);
  EXPECT_EQ(refusal("--AaB03x\r\n\r\nno head\r\n--AaB03x--"), 400);
  EXPECT_EQ(refusal("--AaB03x\r\nContent-Disposition: form-data\r\n\r\n\r\n--AaB03x--"), 400);
  EXPECT_EQ(refusal("--AaB03x\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--AaB03x--"), 400);
  EXPECT_EQ(refusal("--AaB03x\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--AaB03x--"), 400);
  EXPECT_EQ(refusal("--AaB03x\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n\r\n--AaB03x--"), 400);
  EXPECT_EQ(refusal("--AaB03x\r\nContent-Disposition: form-data; name=a\r\n"
                    "Content-Transfer-Encoding: base64\r\n\r\n\r\n--AaB03x--"),
            400);
  EXPECT_EQ(refusal("--AaB03x\r\nX: " + std::string(300, 'x')), 413);
  EXPECT_EQ(refusal(head + "1\r\n" + head + "2\r\n" + head + "3\r\n--AaB03x--"), 413);
  EXPECT_EQ(refusal(head, "multipart/form-data"), 400);
  EXPECT_EQ(refusal(head, "multipart/form-data; boundary=" + std::string(71, 'x')), 400);
  EXPECT_EQ(refusal(head, "multipart/mixed; boundary=AaB03x"), 415);
}

TEST(Tokens, AreReadFromAFileOfTheirOwner) {
  const testing_support::TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "tokens";
  const auto write = [&](const std::string& content) { std::ofstream(file) << content; };
  write("# of the mobile app\n\n  0123456789abcdef \r\nfedcba9876543210\n");
  const Tokens tokens = Tokens::of_file(file);
  EXPECT_TRUE(tokens.accepts("0123456789abcdef"));
  EXPECT_TRUE(tokens.accepts("fedcba9876543210"));
  for (const char* wrong : {"", "0123456789abcde", "0123456789abcdef0", "# of the mobile app"}) {
    EXPECT_FALSE(tokens.accepts(wrong)) << wrong;
  }
  write("short\n");
  const std::string message = thrown_message<core::DataError>([&] { Tokens::of_file(file); });
  EXPECT_NE(message.find("line 1: a token has 5 characters"), std::string::npos) << message;
  EXPECT_EQ(message.find("short"), std::string::npos) << message;
  write("# none\n");
  EXPECT_THROW(Tokens::of_file(file), core::DataError);
  write("0123456789abcdef");
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  EXPECT_THROW(Tokens::of_file(file), core::DataError);
  EXPECT_THROW(Tokens::of_file(folder.path() / "none"), core::IoError);
  EXPECT_THROW(Tokens({"with a space in it"}), std::invalid_argument);
  EXPECT_FALSE(Tokens().accepts(""));
}

TEST(StaticFiles, AreSentOnceAndThenRemembered) {
  const EmbeddedFile files[] = {{"/", "text/html", "<p>page"}, {"/a.js", "text/javascript", "1"}};
  const StaticFiles embedded(files);
  Request request{.path = "/a.js"};
  const Response first = embedded.answer(request);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "1");
  EXPECT_EQ(first.content_type, "text/javascript");
  EXPECT_EQ(first.headers.get("Cache-Control"), "no-cache");
  request.headers.set("If-None-Match", "\"other\", W/" + std::string(first.headers.get("ETag")));
  EXPECT_EQ(embedded.answer(request).status, 304);
  EXPECT_EQ(embedded.answer(request).body, "");
  EXPECT_EQ(embedded.answer(request, "/").body, "<p>page");
  EXPECT_EQ(embedded.answer(request, "/etc/passwd").status, 404);
  EXPECT_FALSE(embedded.contains("/b"));
  const EmbeddedFile twice[] = {files[0], files[0]};
  EXPECT_THROW(StaticFiles{twice}, std::invalid_argument);
}

}  // namespace
}  // namespace margay::http
