// The pixels of image files as Margay reads them, with OpenCV: upright, RGB. Transparency is dropped, not laid over
// white.
//   c++ -std=c++17 pixels.cpp $(pkg-config --cflags --libs opencv4) -o pixels
//   ./pixels FILE...
// writes of each "HEIGHT WIDTH", a line break, and the bytes.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

/// uint8 [H,W,3]
cv::Mat pixels(const std::string& file) {
  cv::Mat image = cv::imread(file, cv::IMREAD_COLOR);  // follows EXIF, and gives blue first
  if (image.empty()) throw std::runtime_error(file + " cannot be read");
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return image;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const cv::Mat image = pixels(argv[i]);
    std::printf("%d %d\n", image.rows, image.cols);
    std::fwrite(image.data, 1, image.total() * image.elemSize(), stdout);
  }
}
