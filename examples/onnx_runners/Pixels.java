// The pixels of image files as Margay reads them, with Java's own ImageIO: RGB, over white. It does not follow EXIF.
//   java Pixels.java FILE...
// writes of each "HEIGHT WIDTH", a line break, and the bytes.
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import javax.imageio.ImageIO;

public class Pixels {
  /** Blue first: uint8 [H,W,3]. */
  static BufferedImage overWhite(File file) throws IOException {
    BufferedImage image = ImageIO.read(file);
    if (image == null) throw new IOException(file + " cannot be read");
    BufferedImage result = new BufferedImage(image.getWidth(), image.getHeight(), BufferedImage.TYPE_3BYTE_BGR);
    Graphics2D graphics = result.createGraphics();
    graphics.drawImage(image, 0, 0, Color.WHITE, null);
    graphics.dispose();
    return result;
  }

  /** uint8 [H,W,3] */
  static byte[] pixels(BufferedImage image) {
    byte[] bytes = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    for (int i = 0; i < bytes.length; i += 3) {
      byte blue = bytes[i];
      bytes[i] = bytes[i + 2];
      bytes[i + 2] = blue;
    }
    return bytes;
  }

  public static void main(String[] files) throws IOException {
    try (OutputStream out = new BufferedOutputStream(System.out)) {
      for (String file : files) {
        BufferedImage image = overWhite(new File(file));
        out.write((image.getHeight() + " " + image.getWidth() + "\n").getBytes());
        out.write(pixels(image));
      }
    }
  }
}
