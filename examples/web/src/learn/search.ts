/** Searches of the gallery by a head that learned, in place of the model's own. */
import type { Features, Gallery } from 'dws/web';
import { DwsWebError } from 'dws/web';
import type { LearnedGallery } from '../../../../src/web/learn-gallery.js';
import { GalleryFeatures } from '../../../../src/web/learn-gallery.js';
import type { Head } from '../../../../src/web/learn-head.js';
import { applyHead } from '../../../../src/web/learn-head.js';

type Found = ReturnType<Gallery['search']>;

export class LearnedSearch {
  private images: Promise<GalleryFeatures> | undefined;
  private used: { head: Head; gallery: LearnedGallery } | undefined;
  private turns = 0;

  /** @param url the gallery's folder */
  constructor(private readonly url: string) {}

  get isOn(): boolean {
    return this.used !== undefined;
  }

  /**
   * Searches by a head from now on, or by the model's own again.
   *
   * @throws DwsWebError `no-features` where there is no gallery or it lacks what that takes; its message is for people
   */
  async use(head: Head | undefined, gallery: Gallery | undefined): Promise<void> {
    const turn = ++this.turns;
    if (!head) {
      this.used = undefined;
      return;
    }
    if (!gallery) throw new DwsWebError('no-features', 'There is no gallery here to search.');
    this.images ??= GalleryFeatures.load(this.url, gallery.info);
    const images = await this.images.catch((error: unknown) => {
      this.images = undefined;
      throw error;
    });
    const embedded = await images.embed(head);
    if (turn === this.turns) this.used = { head, gallery: embedded };
  }

  search({ embedding, features }: Features, gallery: Gallery, k: number): Found {
    if (!this.used) return gallery.search(embedding, k);
    return this.used.gallery.search(applyHead(this.used.head, features), k);
  }
}
