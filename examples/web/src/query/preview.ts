/** The person's image, as given. */
import { byId } from '../dom.js';

const preview = byId('preview', HTMLImageElement);
const invitation = byId('invitation', HTMLParagraphElement);

export function showPreview(image: Blob): void {
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(image);
  preview.hidden = false;
  invitation.hidden = true;
}
