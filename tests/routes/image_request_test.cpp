#include "apps/serve/image_request.h"

#include <gtest/gtest.h>

#include "margay/http/target.h"

namespace margay::routes {
namespace {

http::Request sent(const std::string& body, const std::string& type, const std::string& query = "") {
  http::Request request{.method = "POST", .body = body};
  if (!type.empty()) request.headers.set("Content-Type", type);
  request.query = http::parse_query(query);
  return request;
}

std::string bytes_of(const serve::ImageInput& image) {
  const auto& bytes = *std::get<serve::ImageBytes>(image.content);
  return {bytes.begin(), bytes.end()};
}

std::string image_refusal(const http::Request& request) {
  try {
    read_image_request(request);
  } catch (const http::RequestError& error) {
    return std::to_string(error.status()) + " " + error.what();
  }
  return "taken";
}

TEST(ImageRequest, TakesTheBodyOfAnyTypeAsOneImage) {
  for (const char* type : {"image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded", ""}) {
    const ImageRequest request = read_image_request(sent("bytes", type, "top=2&name=cat.jpg"));
    ASSERT_EQ(request.images.size(), 1U) << type;
    EXPECT_EQ(bytes_of(request.images[0]), "bytes");
    EXPECT_EQ(request.images[0].name, "cat.jpg");
    EXPECT_FALSE(request.is_list);
    EXPECT_EQ(request.question.top, 2);
  }
}

TEST(ImageRequest, TakesBase64InJson) {
  const ImageRequest one = read_image_request(sent(R"({"image":"aGk=","top":4,"alpha":0.1})", "application/json"));
  EXPECT_EQ(bytes_of(one.images.at(0)), "hi");
  EXPECT_FALSE(one.is_list);
  EXPECT_EQ(one.question.top, 4);
  EXPECT_EQ(one.question.alpha, .1);
  const ImageRequest two = read_image_request(
      sent(R"({"images":["data:image/png;base64,aGk=",{"name":"b.png","base64":"aGkh"}]})", "application/json"));
  EXPECT_TRUE(two.is_list);
  EXPECT_EQ(bytes_of(two.images.at(0)), "hi");
  EXPECT_EQ(two.images.at(0).name, "images[0]");
  EXPECT_EQ(bytes_of(two.images.at(1)), "hi!");
  EXPECT_EQ(two.images.at(1).name, "b.png");
}

TEST(ImageRequest, TakesTheFilesOfAForm) {
  const std::string part = "--x\r\nContent-Disposition: form-data; name=\"";
  const std::string file = part + "image\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\nbytes\r\n";
  const std::string type = "multipart/form-data; boundary=x";
  const ImageRequest one = read_image_request(sent(file + part + "top\"\r\n\r\n7\r\n--x--\r\n", type));
  ASSERT_EQ(one.images.size(), 1U);
  EXPECT_EQ(one.images[0].name, "a.jpg");
  EXPECT_EQ(bytes_of(one.images[0]), "bytes");
  EXPECT_FALSE(one.is_list);
  EXPECT_EQ(one.question.top, 7);
  EXPECT_TRUE(read_image_request(sent(file + file + "--x--\r\n", type)).is_list);
  EXPECT_EQ(image_refusal(sent(part + "top\"\r\n\r\n7\r\n--x--\r\n", type)).substr(0, 30),
            "400 the form has no image; add");
  EXPECT_EQ(read_image_request(sent(part + "image\"\r\n\r\nbytes\r\n--x--\r\n", type)).images.at(0).name, "image");
  EXPECT_EQ(image_refusal(sent(file + part + "tpo\"\r\n\r\n1\r\n--x--\r\n", type)),
            "400 the form has a field 'tpo'; there are files, image, images, and as numbers top, threshold, alpha and "
            "timeout_ms");
}

TEST(ImageRequest, RefusesWhatItDoesNotUnderstand) {
  const auto refused = [](const std::string& json) { return image_refusal(sent(json, "application/json")); };
  EXPECT_EQ(refused("{}"), "400 the JSON needs `image` or `images`");
  EXPECT_EQ(refused(R"({"images":[]})"), "400 `images` must be a list of at least one image");
  EXPECT_EQ(refused(R"({"image":"*"})"), "400 image: the image is no base64");
  EXPECT_EQ(refused(R"({"image":""})"), "422 image: the image is empty");
  EXPECT_EQ(refused(R"({"image":"aGk=","topp":3})"),
            "400 the JSON has a field 'topp'; there are image, images, and as numbers top, threshold, alpha and "
            "timeout_ms");
  EXPECT_EQ(refused(R"({"image":{"base64":"aGk=","path":"/etc/passwd"}})"),
            "400 image has a field 'path'; it may have name and base64, both texts");
  EXPECT_EQ(refused(std::string(100'000, '[')), "413 the JSON holds too much");
  EXPECT_EQ(image_refusal(sent("", "image/jpeg")).substr(0, 21), "400 the body is empty");
  EXPECT_EQ(image_refusal(sent("x", "", "top=0")), "400 top must be a number in 1 … 1000, got '0'");
  EXPECT_EQ(image_refusal(sent("x", "", "top=1.5")), "400 top must be a whole number");
  EXPECT_EQ(image_refusal(sent("x", "", "top=3x")), "400 top must be a number in 1 … 1000, got '3x'");
  EXPECT_EQ(image_refusal(sent("x", "", "path=/etc/passwd")),
            "400 the query has a field 'path'; there are name, top, threshold, alpha and timeout_ms");
}

TEST(ImageRequest, AModelIsAskedOnlyForWhatItCanSay) {
  const serve::ModelFacts plain{.name = "pets"};
  EXPECT_THROW(choice_for({.threshold = .5}, plain), http::RequestError);
  EXPECT_THROW(choice_for({.alpha = .1}, plain), http::RequestError);
  const serve::ModelFacts tells{.name = "pets", .is_multi_label = true, .alpha = .05};
  EXPECT_EQ(choice_for({}, tells).alpha, .05);
  EXPECT_EQ(choice_for({.alpha = .1}, tells).alpha, .1);
  EXPECT_EQ(choice_for({.threshold = .7}, tells).threshold, .7);
  EXPECT_EQ(choice_for({}, plain).top, 3);
}

TEST(ImageRequest, AClientMayWaitForLessTimeThanTheServer) {
  http::Request request;
  request.received = http::Clock::now();
  request.deadline = request.received + std::chrono::seconds(60);
  EXPECT_EQ(deadline_of(request, std::nullopt), request.deadline);
  EXPECT_EQ(deadline_of(request, 50), request.received + std::chrono::milliseconds(50));
  EXPECT_EQ(deadline_of(request, 90'000), request.deadline);
}

}  // namespace
}  // namespace margay::routes
